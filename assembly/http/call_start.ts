/**
 * The headers of a request into a call: what it calls, which way it goes, and where it is counted.
 */
import { Name } from "../call/names";
import { Call, setVersion } from "../call/call";
import { now } from "../host/clock";
import { Protocol } from "../call/vocabulary";
import { NotedCall } from "../telemetry/noted_call";
import { Series } from "../metrics/series";
import { OtherNames } from "../policy/policies";
import { Plugin } from "../plugin";
import { policeHeaders } from "./header_policing";
import { protectHeaders, routeHeaders } from "./header_routing";
import { Form, HttpRequest } from "./http_request";

/** What is noted for telemetry of the call that was read last, or null. */
export let startedNotes: NotedCall | null = null;

/** Whether the call that was read last was refused, and Envoy has been told to answer it. */
export let isRefused: bool = false;

/**
 * Reads the headers that are open into `request`, polices and routes the call if they are one's. What is no
 * call passes as it is, but for protected keys.
 *
 * @returns where the call is to be counted, or null where it is none. A call uses the plugin: release it
 */
export function readCall(plugin: Plugin, request: HttpRequest): Series | null {
  isRefused = false;
  startedNotes = null;
  const routing = plugin.settings.routing;
  const isProtected = routing ? routing.hasProtectedKeys : false;
  const policies = plugin.settings.policies;
  // Dubbo Java serves by the path alone, whatever the content type and the method.
  const isAuthorized = policies !== null && policies.authorizing.first !== null;
  if (!isProtected && !isAuthorized && !request.mayBeCall()) return null;
  // It may ask the host for the side, so before anything is read.
  plugin.retain();
  request.read(plugin.query);
  const isCall = request.form != Form.NONE;
  const call = describe(plugin, request);
  plugin.forgetDecision();
  if (plugin.notesCalls && isCall) startedNotes = plugin.beginNoted(now());
  if (policies && !policies.isEmpty && routing && (isCall || isAuthorized)) {
    tellOtherNames(policies.others, request);
    if (!isCall) call.protocol = Protocol.TRI;
    isRefused = policeHeaders(plugin, policies, routing, call, isCall);
  }
  if (isRefused && isCall) return counted(plugin, call);
  if (isRefused) {
    // From here on it is one of those calls of which nothing is known.
    request.form = Form.PLAIN;
    request.protocol = Protocol.TRI;
    return plugin.registry.otherOf(plugin.side);
  }
  if (routing && isCall) routeHeaders(plugin, routing, request, call);
  else if (routing && isProtected) protectHeaders(routing, request);
  if (!isCall) {
    plugin.release();
    return null;
  }
  return counted(plugin, call);
}

/** Where the call is counted; what is still to be noted of it is. */
function counted(plugin: Plugin, call: Call): Series {
  const series = plugin.registry.resolve(call);
  const noted = startedNotes;
  if (noted) plugin.note(noted, true);
  return series;
}

/** Tells by which further names the request may be served. */
function tellOtherNames(others: OtherNames, request: HttpRequest): void {
  others.clear();
  others.method.point(request.methodStem);
  others.group.point(request.context);
  others.areDoubtful = request.isDoubtful;
}

/** The call that `request` has just read. */
function describe(plugin: Plugin, request: HttpRequest): Call {
  const call = plugin.call;
  call.side = plugin.side;
  call.protocol = request.protocol;
  call.attachmentsRead = true;
  call.name(Name.INTERFACE).point(request.interfaceName);
  call.name(Name.METHOD).point(request.method);
  setVersion(call.name(Name.VERSION), request.version);
  call.name(Name.GROUP).point(request.group);
  call.name(Name.APPLICATION).point(request.application);
  call.path.point(request.interfaceName);
  call.headVersion.point(call.name(Name.VERSION));
  return call;
}
