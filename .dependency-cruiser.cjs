// Who may know whom in assembly/: arrows point down this list, and nowhere is a circle. Run by
// `npm run check`.
//
//   index, configure, contexts   what the host calls, and which context is what
//   plugin                       one configuration at work
//   config                       JSON into settings
//   http                         one HTTP stream
//   connection                   one TCP connection: knows nothing of http, its sibling
//   policy                       who may call, how often, how many at once
//   routing                      attachments, headers and clusters by rule
//   ledger                       where calls begin and end, and who is told
//   telemetry                    spans and the log of calls
//   metrics                      definitions, series, counting
//   rules                        what a rule asks of a call
//   call                         the call, its names and words
//   serialization                bodies: hessian2, fastjson2, java, fastjson
//   dubbo                        frames, invocations, attachments
//   host                         the only door to Envoy
//   wire                         bytes, spans, hashes, output: knows nobody

const ORDER = [
  "wire",
  "host",
  "dubbo",
  "serialization",
  "call",
  "rules",
  "metrics",
  "telemetry",
  "ledger",
  "routing",
  "policy",
  "connection",
  "http",
  "config",
];

/** One rule: files of `from` know nothing of `to`, because of `why`. */
const never = (from, to, why) => ({
  name: `${from} knows no ${to}`,
  comment: why,
  severity: "error",
  from: { path: `^assembly/${from}/` },
  to: { path: `^assembly/${to}/` },
});

/** The folders above `folder`. */
const above = (folder) => `(${ORDER.slice(ORDER.indexOf(folder) + 1).join("|")})`;

module.exports = {
  forbidden: [
    {
      name: "no circles",
      comment: "files that need each other are one file",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...ORDER.slice(0, -1).map((folder) =>
      never(
        folder,
        above(folder),
        "arrows point down: what is below must stand without what is above",
      ),
    ),
    ...["wire", "dubbo", "serialization", "call"].map((folder) =>
      never(
        folder,
        "host",
        "parsing and vocabulary compile into a module without imports (probe.ts)",
      ),
    ),
    never("rules", "host", "whether a call meets a rule depends on the call alone"),
    never("config", "host", "configure.ts hands in what the host says"),
    never("config", "(connection|http)", "a configuration says what is wanted, not how it is done"),
    never("http", "connection", "siblings: what both need stands below them"),
    {
      name: "nobody below knows the plugin",
      comment: "it owns them; only connections and streams belong to one",
      severity: "error",
      from: { path: "^assembly/(?!(connection|http)/)[a-z]+/", pathNot: "__tests__" },
      to: { path: "^assembly/(plugin|contexts|configure|index)\\.ts$" },
    },
    {
      name: "nobody reads JSON but config",
      comment: "settings are plain",
      severity: "error",
      from: { path: "^assembly/", pathNot: "^assembly/(config|__tests__)/" },
      to: { path: "^assembly/config/(json|struct|checker)\\.ts$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "__tests__" },
    tsConfig: { fileName: "tsconfig.json" },
  },
};
