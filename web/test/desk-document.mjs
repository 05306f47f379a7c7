/**
 * As much of a document as the service desk's elements are made with. Whatever
 * could turn text into markup is missing, so that using it fails.
 */

class FakeText {
  constructor(data) {
    this.data = data;
  }

  get textContent() {
    return this.data;
  }
}

export class FakeElement {
  attributes = {};
  children = [];
  listeners = {};

  constructor(tag) {
    this.tag = tag;
  }

  get textContent() {
    return this.children.map((child) => child.textContent).join('');
  }

  get open() {
    return 'open' in this.attributes;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  append(...children) {
    for (const child of children) {
      const node = child instanceof FakeElement || child instanceof FakeText ? child : new FakeText(String(child));
      node.parent = this;
      this.children.push(node);
    }
  }

  replaceChildren(...children) {
    this.children = [];
    this.append(...children);
  }

  prepend(...children) {
    const before = this.children;
    this.children = [];
    this.append(...children, ...before);
  }

  remove() {
    this.parent.children = this.parent.children.filter((child) => child !== this);
  }

  /** All elements in here, this one first. */
  all() {
    return [this, ...this.children.flatMap((child) => (child instanceof FakeElement ? child.all() : []))];
  }

  find(tag) {
    return this.all().filter((element) => element.tag === tag);
  }

  /** Opens a details element. */
  unfold() {
    this.setAttribute('open', '');
    this.listeners.toggle();
  }
}

export const fakeDocument = {
  createElement: (tag) => new FakeElement(tag),
  createElementNS: (_, tag) => new FakeElement(tag),
  createTextNode: (data) => new FakeText(data)
};
