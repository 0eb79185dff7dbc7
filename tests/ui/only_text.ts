// That what others wrote is text on a page, as they wrote it, and disturbs nothing around it.
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

/**
 * Fails where anything is, or since the first look at this document was, on the page that is not of the pages' own making:
 * an element that they do not use, an attribute that runs, an address that leads elsewhere. And where the page is wider
 * than its window.
 */
export async function assertOnlyText(page: Page): Promise<void> {
  const [strange, width, window] = await page.evaluate(() => {
    const own = new Set(
      (
        "html head meta title link script body noscript div span p a b strong bdi code pre header nav main section search footer form fieldset legend label " +
        "input select option textarea button ul ol li dl dt dd h1 h2 h3 table caption thead tbody tr th td time details summary figure figcaption " +
        "canvas progress meter dialog audio img svg path"
      ).split(" "),
    );
    const memory = globalThis as unknown as { look?: () => readonly string[] };
    memory.look ??= begin();
    return [memory.look(), document.documentElement.scrollWidth, innerWidth] as const;

    function begin(): () => readonly string[] {
      const found: string[] = [];
      const take = (changes: readonly MutationRecord[]): void => {
        for (const { type, target, addedNodes } of changes) {
          if (type === "attributes" && target instanceof Element) lookAt(target);
          for (const node of addedNodes) if (node instanceof Element) look(node);
        }
      };
      const look = (element: Element): void => {
        for (const one of [element, ...element.querySelectorAll("*")]) lookAt(one);
      };
      const lookAt = (element: Element): void => {
        const fault = why(element);
        if (fault !== null) found.push(`${fault}: ${element.outerHTML.slice(0, 200)}`);
      };
      const observer = new MutationObserver(take);
      observer.observe(document, { subtree: true, childList: true, attributes: true });
      look(document.documentElement);
      return () => {
        take(observer.takeRecords());
        return found;
      };
    }

    function why(element: Element): string | null {
      // What draws the charts sets styles by script.
      if (element.closest(".uplot")) return null;
      if (!own.has(element.localName)) return "element";
      for (const { name, value } of element.attributes) {
        if (name.startsWith("on") || name === "style" || name === "srcdoc" || name === "http-equiv" || name === "formaction") return name;
        if (/^(href|src|action|data|xlink:href)$/.test(name) && !isOwn(value)) return `${name} ${value}`;
      }
      if (element.localName === "script" && !element.hasAttribute("src")) return "script";
      // Icons are for eyes alone; the only picture is the mark.
      if (element.localName === "svg" && element.getAttribute("aria-hidden") !== "true") return "svg";
      return element.localName === "img" && !element.closest(".brand") ? "img" : null;
    }

    function isOwn(address: string): boolean {
      return new URL(address, location.href).origin === location.origin || address.startsWith("blob:");
    }
  });
  assert.deepEqual(strange, []);
  assert.ok(width <= window, `${String(width)} wide in a window of ${String(window)}`);
}

/** Goes to one place of the page after the other; the text of a part of it at each. Fails where the page gets too wide. */
export async function turns(page: Page, hashes: readonly string[], part: string): Promise<readonly string[]> {
  const seen = await page.evaluate(
    async ([all, selector]) => {
      const found: { text: string; hash: string; isWide: boolean }[] = [];
      for (const hash of all) {
        const before = location.href;
        const turned = new Promise((done) => { addEventListener("hashchange", done, { once: true }); });
        location.hash = hash;
        // Addresses that look different may be the same.
        if (location.href !== before) await turned;
        // It is drawn in the meantime.
        await new Promise((done) => { setTimeout(done); });
        found.push({ text: document.querySelector(selector)?.textContent ?? "", hash, isWide: document.documentElement.scrollWidth > innerWidth });
      }
      return found;
    },
    [hashes, part] as const,
  );
  assert.deepEqual(seen.filter(({ isWide }) => isWide), []);
  return seen.map(({ text }) => text);
}

/** Clicks one button after the other, each of which opens a dialog, and closes that by its first one; a part of each. */
export function dialogs(page: Page, buttons: string, part: string): Promise<readonly { readonly text: string; readonly whole: string; readonly bidi: string }[]> {
  return page.evaluate(
    async ([openers, selector]) => {
      const found: { text: string; whole: string; bidi: string }[] = [];
      const until = async (isOpen: boolean): Promise<void> => {
        while ((document.querySelector("dialog[open]") !== null) !== isOpen) await new Promise(requestAnimationFrame);
      };
      for (const button of document.querySelectorAll<HTMLElement>(openers)) {
        button.click();
        await until(true);
        const shown = document.querySelector(`dialog[open] ${selector}`);
        found.push({ text: shown?.textContent ?? "", whole: shown?.parentElement?.textContent ?? "", bidi: shown ? getComputedStyle(shown).unicodeBidi : "" });
        document.querySelector<HTMLElement>("dialog[open] .actions button")?.click();
        await until(false);
      }
      return found;
    },
    [buttons, part] as const,
  );
}

/**
 * Fails unless each of these elements has exactly one of the texts, and each text an element; and where what turns the
 * direction of such a text could turn its neighbours' too.
 */
export async function assertTexts(elements: Locator, texts: readonly string[]): Promise<void> {
  assertApart(await elements.evaluateAll((all) => all.map((element) => ({ text: element.textContent, bidi: getComputedStyle(element).unicodeBidi }))), texts);
}

/** The same, of what was found already. */
export function assertApart(found: readonly { readonly text: string; readonly bidi: string }[], texts: readonly string[]): void {
  assert.deepEqual(found.map(({ text }) => text).sort(), [...texts].sort());
  for (const { text, bidi } of found) assert.match(bidi, /isolate|plaintext/, `${text} stands apart from what is around it`);
}
