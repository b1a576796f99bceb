/// <reference lib="dom" />
/**
 * A few emoji, for those whose keyboard has none.
 *
 * @module
 */

import { element, part } from "./elements.ts";

const EMOJI = "🙂 😀 😂 😉 😍 🤔 😅 😎 😢 😡 👍 👎 👏 🙏 💪 👋 🎉 ❤️ 🔥 ✅ ❌ ⭐ ☕ 🚀".split(" ");

/** Fills the box of emoji, which passes on the one that is chosen. */
export function prepareEmoji(insert: (emoji: string) => void): void {
  const box = part("emoji", HTMLElement);
  const opener = part("emoji-open", HTMLButtonElement);
  for (const emoji of EMOJI) {
    const button = element("button", { type: "button" }, emoji);
    button.addEventListener("click", () => {
      box.hidePopover();
      insert(emoji);
    });
    box.append(button);
  }
  box.addEventListener("toggle", () => {
    if (!box.matches(":popover-open")) return;
    const { top, right } = opener.getBoundingClientRect();
    // Above its button, and within the window.
    const left = Math.max(8, Math.min(right, innerWidth - 8) - box.offsetWidth);
    box.style.setProperty("left", `${left}px`);
    box.style.setProperty("bottom", `${innerHeight - top + 8}px`);
    const { firstElementChild } = box;
    if (firstElementChild instanceof HTMLElement) firstElementChild.focus();
  });
}
