// The public names of the client.

export { ActionHeroClient } from "./client.js";
export type { CallOptions, ClientEvents, WaitOptions } from "./client.js";
export type { ConnectionOptions, State, StateEvent, WebSocketLike } from "./connection.js";
export { CallFailed, ConnectionLost } from "./errors.js";
export type { ErrorDocument, InputProblem } from "./errors.js";
export type { StreamEvent } from "./events.js";
export { Subscription } from "./subscription.js";
export type { Broadcast, PresenceEvent, SubscribeOptions, SubscriptionEvents } from "./subscription.js";
export type { AnyActions, ParamsOf, ResultOf, StreamOf } from "./types.js";
