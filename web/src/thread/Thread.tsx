/** The conversation, and how it scrolls: it follows its end until the reader scrolls up. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { Icon } from "../parts/Icon.tsx";
import { ask, here, loading, openError, running, runs } from "../state/conversation.ts";
import { me } from "../state/page.ts";
import { Turn } from "./Turn.tsx";

const examples = [
  ["Compute", "Execute: print(sum(n for n in range(1, 1000) if n % 3 == 0 or n % 5 == 0))"],
  ["Make a file", "Write a Python script that computes 2+2 and then execute it"],
  ["Look around", "Run: uname -a; python3 --version; ls -la /workspace"],
] as const;

const Welcome = () => (
  <div class="welcome">
    <h2>What should I work out?</h2>
    <p class="quiet">I run Python and shell in a sealed place of your own. Files stay until you reset it.</p>
    <div class="examples">
      {examples.map(([title, text]) => (
        <button key={title} type="button" onClick={() => void ask(text, [])}>
          <b>{title}</b>
          <span>{text}</span>
        </button>
      ))}
    </div>
    {me.value?.default_model === "caisson-offline" && (
      <p class="quiet fine">
        No model is configured, so a rule-based stand-in answers. Put a key such as GOOGLE_API_KEY into .env and start
        again to use a real one.
      </p>
    )}
  </div>
);

/** Pixels from the end that count as being there, and from which the way back is offered. */
const atEndPx = 24;
const farPx = 160;

/** Keeps the end in view while it grows; only a reader who scrolls up leaves it. */
const useFollowing = () => {
  const view = useRef<HTMLDivElement>(null);
  const column = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const isAway = useSignal(false);
  useEffect(() => {
    const element = view.current;
    const content = column.current;
    if (element === null || content === null) return;
    let lastTop = 0;
    const onScroll = () => {
      const gap = element.scrollHeight - element.scrollTop - element.clientHeight;
      if (element.scrollTop < lastTop - 2 && gap > atEndPx) follows.current = false;
      else if (gap < atEndPx) follows.current = true;
      lastTop = element.scrollTop;
      isAway.value = gap > farPx;
    };
    const sizes = new ResizeObserver(() => {
      if (follows.current) element.scrollTop = element.scrollHeight;
      onScroll();
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    sizes.observe(content);
    return () => {
      element.removeEventListener("scroll", onScroll);
      sizes.disconnect();
    };
  }, []);
  const toEnd = (behavior: ScrollBehavior) => {
    follows.current = true;
    view.current?.scrollTo({ top: view.current.scrollHeight, behavior });
  };
  return { view, column, isAway, toEnd };
};

/** The conversation. */
export const Thread = () => {
  const { view, column, isAway, toEnd } = useFollowing();
  const session = here.value;
  const count = runs.value.length;
  useLayoutEffect(() => toEnd("instant"), [session, count]);
  return (
    <div class="scroll" ref={view} tabIndex={-1}>
      <div
        class="column"
        ref={column}
        role="log"
        aria-label="Conversation"
        aria-live="off"
        aria-busy={running.value}
      >
        {openError.value !== undefined && <div class="notice bad" role="alert">{openError.value}</div>}
        {loading.value && count === 0 && <p class="quiet" role="status">Opening the conversation…</p>}
        {count === 0 && !loading.value && openError.value === undefined && <Welcome />}
        {runs.value.map((run, index) => (
          <Turn
            key={run.key}
            run={run}
            next={runs.value[index + 1]}
            number={index + 1}
            answers={runs.value[index - 1]?.asking.value !== undefined}
          />
        ))}
      </div>
      {isAway.value && (
        <button type="button" class="to-end" aria-label="To the newest" onClick={() => toEnd("smooth")}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
};
