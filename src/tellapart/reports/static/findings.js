// What there is to look through: a tab a finding, its images alone or in groups, then the pairs to tell apart and what
// is decided.

const KINDS = {
  exact_duplicate: "exact",
  contradiction: "contradiction",
  leak: "leak",
  near_duplicate: "near",
  placeholder: "placeholder",
};
const WITH_BEST = new Set(["exact", "near", "boundary"]);
const PAIRS =
  "Pairs near the boundary: too unlike to be called near-duplicates, too alike to be passed over. " +
  "Are they the same or not?";

export function findings(view, decisions) {
  const groups = view.groups.map((group, index) => {
    const isOfLabels = group.kind === "contradiction" || labelsOf(group, view.rows).length > 1;
    const hasBest = WITH_BEST.has(group.kind) && group.rows.length > 1 && !isOfLabels;
    return {
      ...group,
      heading: headingOf(group, view.rows, isOfLabels),
      index,
      isOfLabels,
      best: hasBest ? group.best : null,
      why: hasBest ? group.why : "",
    };
  });
  const of = (kind) => groups.filter((group) => group.kind === kind);
  const tabs = view.issues
    .filter((issue) => issue.rows.length)
    .map((issue) => issueTab(issue, KINDS[issue.name] ? of(KINDS[issue.name]) : []));
  if (of("boundary").length) {
    const after = tabs.findIndex((tab) => tab.key === "near_duplicate");
    tabs.splice(after < 0 ? tabs.length : after + 1, 0, {
      key: "boundary",
      title: "Same or not?",
      explanation: PAIRS,
      issue: null,
      why: "near_duplicate",
      isGrouped: true,
      isPairs: true,
      groups: () => of("boundary"),
      count: () => of("boundary").length,
    });
  }
  const doubtful = view.doubtful ?? [];
  if (doubtful.length) {
    const after = tabs.findIndex((tab) => tab.key === "mislabeled");
    tabs.splice(after < 0 ? tabs.length : after + 1, 0, doubtfulTab(doubtful, view.issues));
  }
  return [
    ...tabs,
    {
      key: "decided",
      title: "Your decisions",
      explanation: "Everything decided on this page so far.",
      issue: null,
      why: "",
      isGrouped: false,
      groups: () => [alone(decisions.rows())],
      count: () => decisions.rows().length,
    },
  ];
}

const alone = (rows) => ({ heading: null, rows, best: null, why: "", kind: "" });

const RANKED =
  "The labels that models not trained on the image doubt, the most doubtful first; further down more are right.";

function doubtfulTab(rows, issues) {
  return {
    key: "doubtful",
    title: "Doubtful, ranked",
    explanation: RANKED,
    issue: issues.find((issue) => issue.name === "mislabeled") ?? null,
    why: "mislabeled",
    proposal: null,
    isGrouped: false,
    isWorstFirst: true,
    isOneByOne: true,
    hasSuggestions: true,
    groups: () => [alone(rows)],
    count: () => rows.length,
  };
}

function issueTab(issue, groups) {
  const grouped = new Set(groups.flatMap((group) => group.rows));
  const rest = groups.length ? issue.rows.filter((index) => !grouped.has(index)) : issue.rows;
  const all = rest.length ? [...groups, alone(rest)] : groups;
  return {
    key: issue.name,
    title: issue.title,
    issue,
    why: issue.name,
    proposal: issue.is_trait ? null : issue.proposal,
    explanation:
      issue.explanation +
      (issue.is_trait ? " So many of them are a trait of this set: leaving them out would be no remedy." : ""),
    isGrouped: groups.length > 0,
    isWorstFirst: !groups.length,
    isOfLabels: groups.length > 0 && issue.name === "contradiction",
    isPairs: false,
    hasSuggestions: issue.proposal === "relabel" || issue.name === "mislabeled",
    groups: () => all,
    count: () => issue.n,
  };
}

const distinct = (values) => [...new Set(values)].filter((value) => value !== null);
const labelsOf = (group, rows) => distinct(group.rows.map((index) => rows[index].label));

function headingOf(group, all, isOfLabels) {
  const { kind, rows, similarity } = group;
  const alike =
    similarity === null || similarity === undefined ? "alike" : `${Math.floor(100 * similarity)}\u00a0% alike`;
  const parts = distinct(rows.map((index) => all[index].part));
  if (kind === "leak") return parts.length > 1 ? parts.join(" and ") : `${rows.length} copies`;
  if (kind === "placeholder") return `${rows.length} placeholders`;
  if (isOfLabels) return `${labelsOf(group, all).join(" or ")}?`;
  if (kind === "exact") return `${rows.length} copies`;
  return rows.length > 2 ? `${rows.length}, ${alike}` : alike;
}
