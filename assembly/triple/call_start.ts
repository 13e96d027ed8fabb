/**
 * The headers of a request into a call: what it calls, which way it goes, and where it is counted.
 */
import { Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { protectHeaders, routeHeaders } from "./header_router";
import { Form, HttpRequest } from "./http_request";

/**
 * Reads the headers that are open into `request`, and routes the call if they are one's. What is no call
 * passes as it is, but for protected keys.
 *
 * @returns where the call is to be counted, or null where it is none. A call uses the plugin: release it
 */
export function readCall(plugin: Plugin, request: HttpRequest): Series | null {
  const routing = plugin.config.routing;
  const isProtected = routing ? routing.hasProtectedKeys : false;
  if (!isProtected && !request.mayBeCall()) return null;
  // It may ask the host for the side, so before anything is read.
  plugin.retain();
  request.read(plugin.query);
  const isCall = request.form != Form.NONE;
  if (routing && isCall) routeHeaders(plugin, routing, request);
  else if (routing && isProtected) protectHeaders(routing);
  if (!isCall) {
    plugin.release();
    return null;
  }
  const registry = plugin.registry;
  return registry.resolve(
    plugin.side,
    request.interfaceName,
    request.method,
    request.version,
    request.group,
  );
}
