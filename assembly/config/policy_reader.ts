/**
 * The `policies` part of a plugin's configuration.
 */
import { NAME_COUNT, NAME_WORDS } from "../call/names";
import { statusCodeOf } from "../call/statuses";
import { MOST_HOLDS } from "../ledger/holds";
import { MOST_NAMES } from "../metrics/name_list";
import { Answer, EXCEPTION_WORDS, ExceptionCode } from "../policy/answer";
import { Concurrency } from "../policy/concurrency";
import { Fault } from "../policy/fault";
import { Policies } from "../policy/policies";
import { Policy, PolicyKind } from "../policy/policy";
import { RateLimit } from "../policy/rate_limit";
import { BucketSettings } from "../policy/token_bucket";
import { keptBytes } from "../wire/arena";
import { hashBytes, hashU64 } from "../wire/hash";
import { Checker } from "./checker";
import { JsonType, JsonValue } from "./json";
import { LONGEST_NAME, MatchReader } from "./match_reader";
import { Settings } from "./settings";
import { copyText } from "./texts";

/** One name is left for calls that no policy names. */
const MOST_POLICIES: i32 = (MOST_NAMES as i32) - 1;
/** Characters of an answer's message. */
const LONGEST_MESSAGE: i32 = 200;
const MOST_TOKENS: u32 = 1000000000;
const MOST_IN_FLIGHT: u32 = 1000000;
/** A day in ms. */
const LONGEST_INTERVAL: f64 = 86400000;
/**
 * A minute in ms: Dubbo's peers send a heartbeat after a minute of silence and give a connection up after three
 * (`heartbeat`, org.apache.dubbo.remoting.Constants), and a delayed connection holds heartbeats too.
 */
const LONGEST_DELAY: f64 = 60000;
const NANOSECONDS_IN_MILLISECOND: u64 = 1000000;
/** The name of refusals that no policy names: that nothing allows, or that could not be read. */
const DEFAULT_NAME = "default";

/** Reads the `policies` part; see reader.ts for the rest. */
export class PolicyReader {
  private holds: u32 = 0;

  constructor(
    private checker: Checker,
    private settings: Settings,
    private matches: MatchReader,
    private seed: u64,
  ) {}

  /** Reads the list `value` at `$.policies` into `policies`; null: there is none. Errors go to the checker. */
  read(value: JsonValue | null, policies: Policies): void {
    const list = this.checker.list(value, MOST_POLICIES);
    policies.defaultName = policies.names.add(copyText(DEFAULT_NAME));
    setMessage(policies.defaultAnswer, "not allowed by policy");
    setMessage(policies.unreadAnswer, "refused because it cannot be read");
    for (let i = 0; i < list.length; i++) {
      const policy = this.readPolicy(list[i], policies);
      if (policy) add(policies, policy);
    }
  }

  private readPolicy(value: JsonValue, policies: Policies): Policy | null {
    const checker = this.checker;
    const actions = ["authorize", "rate_limit", "concurrency", "fault"];
    const keys = ["name", "match", "enforce", "answer"].concat(actions);
    if (!checker.object(value, keys)) return null;
    const given = value.member("name");
    if (!given) {
      checker.refuse(value, "an object with a name");
      return null;
    }
    const name = checker.name(given, LONGEST_NAME);
    let count = 0;
    for (let i = 0; i < actions.length; i++) if (value.member(actions[i])) count++;
    if (count != 1) {
      checker.refuse(value, "an object with one of " + actions.join(", "));
      return null;
    }
    const policy = new Policy();
    policy.enforces = checker.flag(value.member("enforce"), true);
    const match = value.member("match");
    const isForUs = match ? this.matches.read(match, policy.match) : true;
    this.readAction(value, policy);
    const answer = value.member("answer");
    if (answer) this.readAnswer(answer, policy.answer);
    if (policy.answer.message.length == 0) setMessage(policy.answer, "refused by policy " + name);
    if (!isForUs || checker.error.length != 0) {
      // A policy that no call can meet costs nothing.
      policy.free();
      return null;
    }
    policy.index = policies.names.add(copyText(name));
    return policy;
  }

  private readAction(value: JsonValue, policy: Policy): void {
    const checker = this.checker;
    const authorize = value.member("authorize");
    if (authorize) {
      const words = ["allow", "deny"];
      policy.kind = <PolicyKind>checker.choice(authorize, words, 1);
      return;
    }
    const limit = value.member("rate_limit");
    if (limit) {
      policy.kind = PolicyKind.RATE_LIMIT;
      policy.answer.exception = <i32>(ExceptionCode.LIMIT_EXCEEDED as u32);
      const name = value.member("name")!.text;
      return this.readRateLimit(limit, policy, name);
    }
    const concurrency = value.member("concurrency");
    if (concurrency) {
      policy.kind = PolicyKind.CONCURRENCY;
      policy.answer.exception = <i32>(ExceptionCode.LIMIT_EXCEEDED as u32);
      return this.readConcurrency(concurrency, policy);
    }
    policy.kind = PolicyKind.FAULT;
    policy.answer.exception = -1;
    this.readFault(value.member("fault")!, policy);
  }

  /** @param name the policy's */
  private readRateLimit(value: JsonValue, policy: Policy, name: string): void {
    const checker = this.checker;
    const keys = ["max_tokens", "tokens_per_fill", "fill_interval", "per", "scope"];
    if (!checker.object(value, keys)) return;
    const most = value.member("max_tokens");
    const interval = value.member("fill_interval");
    if (!most || !interval) {
      return checker.refuse(value, "an object with max_tokens and fill_interval");
    }
    const bucket = new BucketSettings();
    bucket.maxTokens = checker.integer(most, 1, MOST_TOKENS, 1);
    bucket.tokensPerFill = checker.integer(
      value.member("tokens_per_fill"),
      1,
      MOST_TOKENS,
      bucket.maxTokens,
    );
    bucket.fillInterval = this.readDuration(interval, LONGEST_INTERVAL, "a day");
    const limit = new RateLimit(bucket, this.seed);
    policy.rateLimit = limit;
    const per = checker.list(value.member("per"), (NAME_COUNT as i32) + 2);
    const words = NAME_WORDS.split(" ").concat(["principal"]);
    for (let i = 0; i < per.length; i++) this.readKey(per[i], words, limit);
    const scopes = ["worker", "process"];
    const scope = checker.choice(value.member("scope"), scopes, 0);
    if (scope == 1) limit.share(idOf(name, bucket, limit));
  }

  /** Reads one thing that tells calls apart: a name, or `{ attachment: … }`. */
  private readKey(value: JsonValue, words: string[], limit: RateLimit): void {
    const checker = this.checker;
    if (value.type == JsonType.OBJECT) {
      if (!checker.object(value, ["attachment"])) return;
      const key = value.member("attachment");
      if (!key || limit.attachment) return checker.refuse(value, "one attachment");
      const text = checker.key(key);
      if (checker.error.length == 0) limit.attachment = this.settings.query.wantText(text);
      return;
    }
    const index = checker.choice(value, words, -1);
    if (index == (NAME_COUNT as i32)) limit.perPrincipal = true;
    else if (index >= 0) limit.names |= 1 << index;
  }

  private readConcurrency(value: JsonValue, policy: Policy): void {
    const checker = this.checker;
    if (!checker.object(value, ["max_in_flight"])) return;
    const most = value.member("max_in_flight");
    if (!most) return checker.refuse(value, "an object with max_in_flight");
    if (this.holds == MOST_HOLDS) {
      return checker.refuse(value, "at most " + MOST_HOLDS.toString() + " of these");
    }
    const concurrency = new Concurrency();
    concurrency.maxInFlight = checker.integer(most, 1, MOST_IN_FLIGHT, 1);
    concurrency.hold = this.holds++;
    policy.concurrency = concurrency;
  }

  private readFault(value: JsonValue, policy: Policy): void {
    const checker = this.checker;
    const keys = ["abort", "delay"];
    if (!checker.object(value, keys)) return;
    const abort = value.member("abort");
    const delay = value.member("delay");
    if (!abort && !delay) return checker.refuse(value, "an object with abort or delay");
    const fault = new Fault();
    policy.fault = fault;
    if (abort) fault.abort = checker.percentage(abort, ["percentage"]);
    if (!delay) return;
    fault.delay = checker.percentage(delay, ["percentage", "fixed_delay"]);
    const wait = delay.member("fixed_delay");
    if (!wait) return checker.refuse(delay, "an object with fixed_delay");
    const most = LONGEST_DELAY;
    fault.wait = this.readDuration(wait, most, "a minute");
  }

  private readAnswer(value: JsonValue, answer: Answer): void {
    const checker = this.checker;
    if (!checker.object(value, ["exception", "status", "message"])) return;
    const exception = value.member("exception");
    const status = value.member("status");
    if (exception && status) return checker.refuse(value, "one of exception, status");
    if (exception) {
      const words = EXCEPTION_WORDS.split(" ");
      answer.exception = checker.choice(exception, words, 0);
    }
    if (status) {
      const code = statusCodeOf(status.type == JsonType.STRING ? status.text : "");
      if (code == 0) {
        return checker.refuse(status, "one of Dubbo's statuses but OK");
      }
      answer.exception = -1;
      answer.status = code;
    }
    const message = value.member("message");
    if (!message) return;
    const text = checker.name(message, LONGEST_MESSAGE);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x20 && unit < 0x7f) continue;
      return checker.refuse(message, "printable ASCII");
    }
    setMessage(answer, text);
  }

  /** Reads `1s`, `0.5s`, `100ms` into ns, at least 1 ms and at most `most` ms, which are `mostWords`. */
  private readDuration(value: JsonValue, most: f64, mostWords: string): u64 {
    const text = value.type == JsonType.STRING ? value.text : "";
    const isMillis = text.endsWith("ms");
    const digits = text.substring(0, text.length - (isMillis ? 2 : 1));
    let millis: f64 = 0;
    let isNumber = digits.length != 0 && digits.length < 12 && text.endsWith("s");
    let scale: f64 = 0;
    for (let i = 0; i < digits.length; i++) {
      const unit = digits.charCodeAt(i);
      if (unit == 0x2e && scale == 0 && i != 0) {
        scale = 1;
        continue;
      }
      if (unit < 0x30 || unit > 0x39) isNumber = false;
      millis = millis * 10 + <f64>(unit - 0x30);
      scale *= 10;
    }
    if (scale != 0) millis /= scale;
    if (!isMillis) millis *= 1000;
    if (!isNumber || millis < 1 || millis > most) {
      const expected = "a duration of 1 ms to " + mostWords + ', such as "1s" or "100ms"';
      this.checker.refuse(value, expected);
      return 1;
    }
    return <u64>millis * NANOSECONDS_IN_MILLISECOND;
  }
}

/** What a limit is known by in all workers: a hash of its policy's name and of what it says. */
function idOf(name: string, bucket: BucketSettings, limit: RateLimit): u64 {
  let id = hashBytes(0, changetype<usize>(name), name.length << 1);
  id = hashU64(id, bucket.maxTokens);
  id = hashU64(id, bucket.tokensPerFill);
  id = hashU64(id, bucket.fillInterval);
  return hashU64(id, limit.names | ((limit.perPrincipal ? 1 : 0) << 31));
}

/** Adds a policy that is right, and what it asks for. */
function add(policies: Policies, policy: Policy): void {
  const match = policy.match;
  if (match.networks) policies.usesAddress = true;
  if (match.principals) policies.usesPrincipal = true;
  const limit = policy.rateLimit;
  if (limit) {
    policies.usesTime = true;
    if (limit.perPrincipal) policies.usesPrincipal = true;
  }
  const fault = policy.fault;
  if (fault && fault.delay != 0 && policy.enforces) policies.delays = true;
  if (policy.kind > PolicyKind.DENY) return policies.limiting.add(policy);
  if (policy.kind == PolicyKind.ALLOW) {
    policies.allows = true;
    if (policy.enforces) policies.allowsEnforced = true;
  }
  if (policy.enforces) {
    policies.authorizes = true;
    policies.mustRead = true;
  }
  policies.authorizing.add(policy);
}

/** Gives the answer its text: the characters of `text` that are ASCII. */
function setMessage(answer: Answer, text: string): void {
  const message = answer.message;
  const length = min<i32>(text.length, LONGEST_MESSAGE);
  const bytes = keptBytes(length);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    store<u8>(bytes + i, unit < 0x7f && unit >= 0x20 ? <u8>unit : 0x3f);
  }
  message.set(bytes, length);
}
