/** The conversations, and at the bottom the state of the sandbox and what was used. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";
import { confirmThen } from "./parts/Dialog.tsx";
import { focusAfter, takeFocus } from "./parts/focus.ts";
import { Icon, IconButton } from "./parts/Icon.tsx";
import { here, open, remove } from "./state/conversation.ts";
import { hasMore, list, listError, loadMore, query, refreshList, rename } from "./state/conversations.ts";
import { health, offline, openPanel, sandbox, settingsOpen, usage } from "./state/page.ts";
import { count, dayGroup, money, plainTitle } from "./text/format.ts";
import type { SessionOut } from "./wire.ts";

const Mark = () => (
  <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
    <path
      d="M4 9c2.7-2 5.3-2 8 0s5.3 2 8 0"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
    />
    <rect x="6" y="11.5" width="12" height="8.5" rx="2.2" fill="currentColor" />
  </svg>
);

const askToRemove = (id: string, title: string) =>
  confirmThen({
    title: "Delete this conversation?",
    text: `“${title}” is deleted. Its files stay in the workspace.`,
    verb: "Delete",
    act: () => remove(id),
  });

const Row = ({ item }: { readonly item: SessionOut }) => {
  const isEditing = useSignal(false);
  const row = useRef<HTMLLIElement>(null);
  const end = () => {
    isEditing.value = false;
    focusAfter(() => row.current?.querySelector(".row-actions button"));
  };
  const title = plainTitle(item.title ?? "Conversation");
  const isHere = item.id === here.value;
  if (isEditing.value) {
    return (
      <li ref={row}>
        <input
          aria-label="Title"
          value={title}
          maxLength={200}
          ref={takeFocus}
          onBlur={(event) => {
            void rename(item.id, event.currentTarget.value);
            end();
          }}
          onKeyDown={(event) => {
            if (event.isComposing) return;
            if (event.key === "Escape") event.currentTarget.value = title;
            if (event.key !== "Enter" && event.key !== "Escape") return;
            event.preventDefault();
            event.currentTarget.blur();
          }}
        />
      </li>
    );
  }
  return (
    <li ref={row} class={isHere ? "current" : ""}>
      <button
        type="button"
        aria-current={isHere ? "page" : undefined}
        onClick={() => void open(item.id)}
      >
        {typeof item.approval === "string" && <span class="lamp busy" title="Waits for you" />}
        <bdi>{title}</bdi>
        {typeof item.approval === "string" && <span class="sr">, waits for you</span>}
      </button>
      <span class="row-actions">
        <IconButton
          name="edit"
          label={`Rename ${title}`}
          size={14}
          onClick={() => {
            isEditing.value = true;
          }}
        />
        <IconButton name="trash" label={`Delete ${title}`} size={14} onClick={() => askToRemove(item.id, title)} />
      </span>
    </li>
  );
};

const Groups = () => {
  const groups = new Map<string, Array<SessionOut>>();
  const nowMs = Date.now();
  for (const item of list.value) {
    const name = dayGroup(item.last_used_at, nowMs);
    const items = groups.get(name);
    if (items === undefined) groups.set(name, [item]);
    else items.push(item);
  }
  return (
    <div class="sessions">
      {listError.value !== undefined && <p class="quiet" role="alert">{listError.value}</p>}
      {list.value.length === 0 && query.value !== "" && <p class="quiet">Nothing was found.</p>}
      {[...groups].map(([name, items]) => (
        <section key={name}>
          <h2>{name}</h2>
          <ul>{items.map((item) => <Row key={item.id} item={item} />)}</ul>
        </section>
      ))}
      {hasMore.value && <button type="button" class="copy" onClick={() => void loadMore()}>Show more</button>}
    </div>
  );
};

const searchWaitMs = 200;

const Search = () => {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <label class="search">
      <Icon name="search" size={15} />
      <span class="sr">Search conversations</span>
      <input
        type="search"
        placeholder="Search"
        onKeyDown={(event) => {
          // Here it empties the field, and stops no run.
          if (event.key === "Escape" && query.value !== "") event.stopPropagation();
        }}
        value={query.value}
        onInput={(event) => {
          query.value = event.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => void refreshList(), searchWaitMs);
        }}
      />
    </label>
  );
};

const sandboxWords = (): readonly [lamp: string, words: string] => {
  if (offline.value) return ["bad", "Not connected"];
  const state = health.value;
  if (state === undefined) return ["", "…"];
  if (!state.sandbox.healthy) return ["bad", `Sandbox: ${state.sandbox.kind}, not working`];
  return [sandbox.value?.state === "busy" ? "busy" : "good", `Sandbox: ${state.sandbox.kind}`];
};

/** The left side. */
export const Sidebar = () => {
  const [lamp, words] = sandboxWords();
  const used = usage.value?.total;
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="brand">
        <Mark />
        <b>Caisson</b>
        <span class="space" />
        <IconButton
          name="gear"
          label="Settings"
          size={17}
          onClick={() => {
            settingsOpen.value = true;
          }}
        />
      </div>
      <button type="button" class="new" onClick={() => void open("")}>
        <Icon name="plus" size={16} />New conversation<kbd>⌃K</kbd>
      </button>
      <Search />
      <Groups />
      <div class="status">
        <button
          type="button"
          class="state"
          onClick={() => {
            openPanel("sandbox");
          }}
        >
          <span class={`lamp ${lamp}`} />
          {words}
        </button>
        {used !== undefined && used.usage.total_tokens > 0 && (
          <button
            type="button"
            class="state quiet tabular"
            onClick={() => {
              openPanel("usage");
            }}
          >
            {count(used.usage.total_tokens)} tokens · {money(used.cost_usd)}
          </button>
        )}
      </div>
    </nav>
  );
};
