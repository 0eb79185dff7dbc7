import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import mark from "../look/mark.svg";
import { common } from "../text/common";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { chooseLook, look } from "./look";
import { useStore } from "./store";
import { Toasts } from "./Toasts";

/** The pages, in the order in which they are offered. */
const PAGES = [
  { href: "/", text: common.pages.playground },
  { href: "/transcripts", text: common.pages.transcripts },
  { href: "/jobs", text: common.pages.jobs },
  { href: "/keys", text: common.pages.keys },
  { href: "/admin", text: common.pages.admin },
  { href: "/docs", text: common.pages.docs },
] as const;

interface Props {
  readonly page: (typeof PAGES)[number]["href"];
  readonly title: string;
  readonly lead?: string;
  readonly children: ComponentChildren;
}

/** What every page stands in. */
export function Frame({ page, title, lead, children }: Props) {
  const ways = useRef<HTMLUListElement>(null);
  // On a phone the ways scroll: the one to this page is to be seen, also when the phone is turned. (scrollIntoView would
  // also move the place from which the Tab key goes on.)
  useEffect(() => {
    const show = (): void => {
      const here = ways.current?.querySelector<HTMLElement>("[aria-current]");
      if (ways.current && here) ways.current.scrollLeft = here.offsetLeft - ways.current.clientWidth / 2;
    };
    show();
    addEventListener("resize", show);
    return () => { removeEventListener("resize", show); };
  }, []);
  return (
    <>
      <a class="skip" href="#body">{common.skip}</a>
      <header class="head">
        <div class="head-in">
          <a class="brand" href="/">
            <img src={mark} alt="" width={28} height={28} />
            {common.name}
          </a>
          <nav class="ways" aria-label={common.pagesLabel}>
            <ul ref={ways}>
              {PAGES.map(({ href, text }) => (
                <li key={href}>
                  <a href={href} {...(href === page && { "aria-current": "page" as const })}>{text}</a>
                </li>
              ))}
            </ul>
          </nav>
          <LookButton />
        </div>
      </header>
      <main class="body stack" id="body" tabIndex={-1}>
        <div>
          <h1>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {children}
      </main>
      <footer class="foot">
        <div class="foot-in">
          <span>{common.foot}</span>
          <a href="/docs">{common.reference}</a>
          <a href="/openapi.json">{common.openapi}</a>
        </div>
      </footer>
      <Toasts />
    </>
  );
}

function LookButton() {
  const dark = useStore(look) === "dark";
  return (
    <Button kind="quiet" square aria-label={dark ? common.toLight : common.toDark} title={dark ? common.toLight : common.toDark} onClick={() => { chooseLook(dark ? "light" : "dark"); }}>
      <Icon name={dark ? "sun" : "moon"} />
    </Button>
  );
}
