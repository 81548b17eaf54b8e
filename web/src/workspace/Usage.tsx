/** What was used in the last thirty days: in all, day by day, and by model. */
import { usage } from "../state/page.ts";
import { count, dayName, money } from "../text/format.ts";
import type { UsageDay } from "../wire.ts";

/** A sum of days. */
interface Sum {
  readonly name: string;
  readonly runs: number;
  readonly tokens: number;
  readonly costUsd: number;
}

/** Sums of days by what they are named, in the order in which the names come. */
export const summedBy = (days: ReadonlyArray<UsageDay>, nameOf: (day: UsageDay) => string): ReadonlyArray<Sum> => {
  const sums = new Map<string, Sum>();
  for (const day of days) {
    const name = nameOf(day);
    const { runs, tokens, costUsd } = sums.get(name) ?? { runs: 0, tokens: 0, costUsd: 0 };
    sums.set(name, {
      name,
      runs: runs + day.runs,
      tokens: tokens + day.usage.total_tokens,
      costUsd: costUsd + day.cost_usd,
    });
  }
  return [...sums.values()];
};

const barHeight = 64;
const barWidth = 10;
const barGap = 3;

/** A bar for each day with use, as high as its tokens. */
const Days = ({ days }: { readonly days: ReadonlyArray<Sum> }) => {
  const most = Math.max(1, ...days.map(({ tokens }) => tokens));
  const width = days.length * (barWidth + barGap) - barGap;
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined) return null;
  return (
    <figure class="days">
      <svg
        viewBox={`0 0 ${width} ${barHeight}`}
        width={width}
        height={barHeight}
        role="img"
        aria-label={`Tokens by day: ${days.map(({ name, tokens }) => `${name} ${count(tokens)}`).join(", ")}`}
      >
        {days.map(({ name, tokens }, index) => {
          const height = Math.max(2, barHeight * tokens / most);
          return (
            <rect
              key={name}
              class="model"
              x={index * (barWidth + barGap)}
              y={barHeight - height}
              width={barWidth}
              height={height}
              rx="2"
            />
          );
        })}
      </svg>
      <figcaption class="quiet tabular">
        {first.name === last.name ? first.name : `${first.name} to ${last.name}`} · tokens by day
      </figcaption>
    </figure>
  );
};

const Rows = ({ heading, sums }: { readonly heading: string; readonly sums: ReadonlyArray<Sum> }) => (
  <table class="usage">
    <thead>
      <tr>
        <th>{heading}</th>
        <th>Runs</th>
        <th>Tokens</th>
        <th>Cost</th>
      </tr>
    </thead>
    <tbody>
      {sums.map(({ name, runs, tokens, costUsd }) => (
        <tr key={name}>
          <td>{name}</td>
          <td>{runs}</td>
          <td>{count(tokens)}</td>
          <td>{money(costUsd)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

/** Days that stand in the table; the others are in the bars. */
const shownDays = 14;

/** The panel of what was used. */
export const UsagePanel = () => {
  const report = usage.value;
  if (report === undefined || report.data.length === 0) {
    return <p class="empty quiet">Nothing was used yet. Runs, tokens and cost of the last 30 days appear here.</p>;
  }
  const days = summedBy(report.data, ({ day }) => dayName(day));
  const models = summedBy(report.data, ({ model }) => model).toSorted((a, b) => b.tokens - a.tokens);
  const facts = [
    ["Runs", String(report.total.runs)],
    ["Tokens", count(report.total.usage.total_tokens)],
    ["Cost", money(report.total.cost_usd)],
  ] as const;
  return (
    <div class="sandbox">
      <h2>Last 30 days</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="tabular">{value}</dd>
          </div>
        ))}
      </dl>
      <Days days={days} />
      <h2>By model</h2>
      <Rows heading="Model" sums={models} />
      <h2>By day</h2>
      <Rows heading="Day" sums={days.toReversed().slice(0, shownDays)} />
    </div>
  );
};
