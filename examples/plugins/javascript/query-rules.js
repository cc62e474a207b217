// Refuses a request whose query breaks a rule, and points to the documentation on every answer that tells of a mistake.

import { query } from "sluicegate:plugin/request@0.1.0";
import { setHeader, status } from "sluicegate:plugin/reply@0.1.0";

// What a rule may say, and as what.
const MEMBERS = { pattern: "string", required: "boolean", message: "string" };
const NO_BODY = { mode: "none", maxBytes: 0n, encoded: false };
const NOTHING_ELSE = { metrics: [], upstreams: [], credentials: [], requires: [], provides: [] };
const PROCEED = { tag: "proceed" };

let rules = [];
let link;

export const policy = {
  configure(json) {
    const config = JSON.parse(json);
    const problems = [];
    const wrong = (pointer, message) => problems.push({ pointer, message });
    rules = Object.entries(config.rules ?? {}).map(([name, rule]) => {
      // RFC 6901.
      const at = `/rules/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      for (const [member, value] of Object.entries(rule ?? {})) {
        const kind = MEMBERS[member];
        if (!kind) wrong(`${at}/${member}`, `A rule has the members ${Object.keys(MEMBERS).join(", ")}.`);
        else if (typeof value !== kind) wrong(`${at}/${member}`, `\`${member}\` must be a ${kind}.`);
      }
      if (rule?.pattern === undefined) wrong(at, "A rule needs a `pattern`.");
      try {
        return { ...rule, name, pattern: new RegExp(`^(?:${rule.pattern})$`, "u") };
      } catch (error) {
        wrong(`${at}/pattern`, `This is no regular expression of JavaScript: ${error.message}.`);
      }
    });
    if (rules.length === 0) wrong("/rules", "Name at least one member of the query, with its `pattern`.");
    const { documentation } = config;
    if (documentation !== undefined && !/^https?:\/\/[!-;=?-~]+$/.test(documentation)) {
      wrong("/documentation", "This is no address: write one that begins with https://.");
    }
    link = documentation && new TextEncoder().encode(`<${documentation}>; rel="help"`);
    if (problems.length > 0) throw problems;
    const phases = link ? ["head", "reply-head"] : ["head"];
    return { phases, body: NO_BODY, replyBody: NO_BODY, need: "call", ...NOTHING_ELSE };
  },
};

export const head = {
  onHead() {
    const members = new URLSearchParams(query() ?? "");
    const broken = rules.find(({ name, pattern, required }) => {
      const values = members.getAll(name);
      return values.length === 0 ? required : !values.every((value) => pattern.test(value));
    });
    if (!broken) return PROCEED;
    const message = broken.message ?? `The query member \`${broken.name}\` is missing or not valid.`;
    const details = [{ name: "member", json: JSON.stringify(broken.name) }];
    const fields = link ? [{ name: "link", value: link }] : [];
    return { tag: "reject", val: { status: 400, code: "query_invalid", message, fields, details } };
  },
};

export const replyHead = {
  onReplyHead() {
    if (status() >= 400 && status() < 500) setHeader("link", link);
    return PROCEED;
  },
};
