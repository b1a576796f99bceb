/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Elements of the page. Whatever others wrote goes into them as text: nothing here reads HTML.
 *
 * @module
 */

/** What a new element has: attributes by their names. */
export type Attributes = Readonly<Record<string, string | number>>;

/** Creates an element. Strings among its children become text. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    created.setAttribute(name, String(value));
  }
  created.append(...children);
  return created;
}

/**
 * Returns the element of the page with that id.
 *
 * @throws {TypeError} If there is none, or it is of another type.
 */
export function part<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`The page has no ${type.name} #${id}`);
}

/** Puts a text into an element, unless it is there: what is put there again may be read out again. */
export function setText(shown: Element | null | undefined, text: string): void {
  if (shown && shown.textContent !== text) shown.textContent = text;
}

/** How the items of a {@linkcode KeyedList} are shown. */
export interface ItemView<Item> {
  /** Returns what tells an item from all others. */
  readonly keyOf: (item: Item) => string;
  /** Creates an item's element. */
  readonly create: (item: Item) => HTMLElement;
  /** Shows in an element what its item has become. */
  readonly update?: (shown: HTMLElement, item: Item) => void;
}

/** Items of which each keeps its element, and so the focus, whatever happens to others. */
export class KeyedList<Item> {
  readonly #parent: HTMLElement;
  readonly #view: ItemView<Item>;
  #elements = new Map<string, HTMLElement>();

  /** Creates one that shows nothing in `parent` yet. */
  constructor(parent: HTMLElement, view: ItemView<Item>) {
    this.#parent = parent;
    this.#view = view;
  }

  /** Shows these items, in their order, and no others. */
  show(items: readonly Item[]): void {
    const before = this.#elements;
    this.#elements = new Map(items.map((item) => {
      const key = this.#view.keyOf(item);
      return [key, before.get(key) ?? this.#view.create(item)];
    }));
    // First what is gone, so that the others need not move.
    for (const [key, gone] of before) {
      if (!this.#elements.has(key)) gone.remove();
    }
    let next = this.#parent.firstElementChild;
    for (const item of items) {
      const shown = this.#elements.get(this.#view.keyOf(item));
      if (!shown) continue;
      this.#view.update?.(shown, item);
      if (shown === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(shown, next);
    }
  }
}
