/// <reference lib="dom" />
/**
 * The browser's role: chat from a page.
 *
 * `GET /` sends the page, which begins here. What it shares with the terminal client is the wire
 * (`protocol.ts`), the link that comes back by itself (`client/link.ts`) and the conversation with
 * its commands (`client/conversation.ts`); what it shows is in `page.ts`.
 *
 * @module
 */

import { Page } from "./page.ts";

await new Page().run();
