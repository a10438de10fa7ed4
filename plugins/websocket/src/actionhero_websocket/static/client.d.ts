/** A problem of one input, as in the error document. */
export interface InputProblem {
	/** A JSON Pointer (RFC 6901) to the input, such as `/address/zip`. */
	pointer: string;
	message: string;
	type: string;
}
/** The error document of the server. */
export interface ErrorDocument {
	message: string;
	type: string;
	timestamp?: number;
	key?: string;
	value?: unknown;
	errors?: InputProblem[];
	request_id?: string;
	stack?: string;
}
/** The server answered with an error: the action failed, or was refused. */
export declare class CallFailed extends Error {
	readonly name = "CallFailed";
	/** The type of the error, such as `CONNECTION_ACTION_NOT_FOUND`. */
	readonly type: string;
	/** The name of the first invalid input. */
	readonly key: string | undefined;
	/** The value of the first invalid input. */
	readonly value: unknown;
	/** All problems of the inputs. */
	readonly errors: readonly InputProblem[];
	/** The id under which the server logs the call. */
	readonly requestId: string | undefined;
	/** The whole error document. */
	readonly document: ErrorDocument;
	constructor(document: ErrorDocument);
}
/** The connection has ended without an answer. */
export declare class ConnectionLost extends Error {
	/** Whether the message was sent: the action may have run or not. Otherwise it has not run. */
	readonly sent: boolean;
	/** The close code of the connection (RFC 6455, section 7.4). */
	readonly code?: number | undefined;
	/** The reason that the server gave. */
	readonly reason?: string | undefined;
	readonly name = "ConnectionLost";
	constructor(message: string, 
	/** Whether the message was sent: the action may have run or not. Otherwise it has not run. */
	sent: boolean, 
	/** The close code of the connection (RFC 6455, section 7.4). */
	code?: number | undefined, 
	/** The reason that the server gave. */
	reason?: string | undefined);
}
/** The part of the standard `WebSocket` that the client uses. */
export interface WebSocketLike {
	onopen: ((event: never) => void) | null;
	onmessage: ((event: never) => void) | null;
	onclose: ((event: never) => void) | null;
	onerror: ((event: never) => void) | null;
	send(text: string): void;
	close(code?: number, reason?: string): void;
}
/** The state of the connection: `waiting` is between two attempts to connect. */
export type State = "idle" | "connecting" | "open" | "waiting" | "closed";
export interface StateEvent {
	state: State;
	/** The close code, if a connection has ended. */
	code?: number;
	reason?: string;
	/** The milliseconds until the next attempt to connect. */
	retryInMs?: number;
}
export interface ConnectionOptions {
	/** Creates the socket; for headers in Node.js, and for Node.js before 22. */
	createSocket?: (url: string) => WebSocketLike;
	/** The rate that the client keeps to; 0: no limit. Default: 20, as on the server. */
	messagesPerSecond?: number;
	/**
	 * The size limit of a message; 0: no limit. Default: 65,536, as on the server, which closes the
	 * connection after a larger one.
	 */
	messageLimitBytes?: number;
	/** The limit of the first delay before a reconnect, in milliseconds. Default: 200. */
	minBackoffMs?: number;
	/** The limit of all delays, in milliseconds. Default: 10,000. */
	maxBackoffMs?: number;
	/**
	 * After this time without a message, the server is asked for one; if there is none, the client
	 * reconnects. In milliseconds; 0: never. Default: 30,000.
	 */
	heartbeatMs?: number;
	/** Whether to reconnect, also after the close code `code`. Default: true. */
	reconnect?: boolean | ((code: number, reason: string) => boolean);
}
declare class Emitter<Events> {
	#private;
	/**
	 * Add a handler of an event.
	 *
	 * @returns A function that removes the handler.
	 */
	on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): () => void;
}
/** An event of a stream. */
export interface StreamEvent<Data = any> {
	/** The item, decoded if it is JSON. */
	data: Data;
	event?: string;
	id?: string;
	/** Milliseconds. */
	retry?: number;
}
/** A broadcast of a channel. */
export interface Broadcast<Message = any> {
	channel: string;
	message: Message;
	sender: string;
	/** The id from which a subscription resumes; `undefined` if the channel has no history. */
	id: string | undefined;
	/** Whether broadcasts before this one may have been lost. */
	afterGap: boolean;
}
export interface PresenceEvent {
	/** `load`: the members have been loaded. */
	event: "join" | "leave" | "load";
	/** The presence key of the subscriber. */
	key: string | undefined;
	/** The presence keys of all subscribers, if `loadMembers` was given. */
	members: ReadonlySet<string> | undefined;
}
export interface SubscriptionEvents<Message = any> {
	message: Broadcast<Message>;
	presence: PresenceEvent;
	gap: {
		channel: string;
	};
	end: {
		channel: string;
		error: Error | undefined;
	};
}
export interface SubscribeOptions {
	/** The id of the last broadcast of an earlier subscription. */
	since?: string;
	/** Returns the presence keys of the channel; called after each subscription. */
	loadMembers?: () => Promise<Iterable<string | number>>;
	/** Ends the subscription. */
	signal?: AbortSignal;
}
/** The subscription to a channel: an async iterable of its broadcasts. */
export declare class Subscription<Message = any> extends Emitter<SubscriptionEvents<Message>> implements AsyncIterableIterator<Broadcast<Message>> {
	#private;
	/** The name of the channel. */
	readonly channel: string;
	/** Resolves when the server has confirmed the subscription; rejected if it refuses. */
	readonly ready: Promise<void>;
	/** The id of the last broadcast; `null` if there is none to resume from. */
	lastId: string | null;
	/** How often broadcasts may have been lost. */
	gaps: number;
	/** The presence keys of the subscribers, if `loadMembers` was given. */
	members: ReadonlySet<string> | undefined;
	/** End the subscription. */
	unsubscribe(): void;
	on<Name extends keyof SubscriptionEvents>(name: Name, handler: (event: SubscriptionEvents<Message>[Name]) => void): () => void;
	[Symbol.asyncIterator](): this;
	/** Return the next broadcast. */
	next(): Promise<IteratorResult<Broadcast<Message>, undefined>>;
	/** End the iteration, and the subscription. */
	return(): Promise<IteratorResult<Broadcast<Message>, undefined>>;
}
/** The types of actions that are not declared. */
export interface AnyActions {
	[action: string]: {
		params: any;
		result: any;
		stream: any;
	};
}
export type Simplify<T> = {
	[Key in keyof T]: T[Key];
};
/** `unknown`, neutral in an intersection, for inputs that do not exist: `never` or `undefined`. */
export type Inputs<T> = [
	T
] extends [
	undefined
] ? unknown : NonNullable<T>;
export type Content<Part, Media extends string> = Part extends {
	content: {
		[Key in Media]: infer T;
	};
} ? T : never;
export type BodyInputs<T> = [
	T
] extends [
	undefined
] ? unknown : Inputs<Content<NonNullable<T>, "application/json">>;
export type Success<Responses> = Responses[Extract<keyof Responses, 200 | 201 | 202 | 203>];
export type EventStream = "text/event-stream";
/** The inputs of an action: those of its path, query and body. */
export type ParamsOf<Action> = Action extends {
	params: infer T;
} ? T : Action extends {
	parameters: {
		query?: infer Query;
		path?: infer Path;
	};
} ? Simplify<Inputs<Query> & Inputs<Path> & (Action extends {
	requestBody?: infer T;
} ? BodyInputs<T> : unknown)> : {};
/** The response of an action; a list is an object with its indexes as keys. */
export type ResultOf<Action> = Action extends {
	result: infer T;
} ? T : Action extends {
	responses: infer Responses;
} ? ResponseOf<Content<Success<Responses>, "application/json">> : unknown;
export type ResponseOf<T> = T extends readonly (infer Item)[] ? {
	[index: string]: Item;
} : T;
/** The data of the events of an action that streams. */
export type StreamOf<Action> = Action extends {
	stream: infer T;
} ? T : unknown;
/** The names of the actions that return a result. */
export type CallNames<Actions> = {
	[Name in keyof Actions]: Actions[Name] extends {
		result: unknown;
	} ? Name : Actions[Name] extends {
		stream: unknown;
	} | {
		responses: {
			200: {
				content: Record<EventStream, unknown>;
			};
		};
	} ? never : Name;
}[keyof Actions] & string;
/** The names of the actions that stream. */
export type StreamNames<Actions> = {
	[Name in keyof Actions]: Actions[Name] extends {
		stream: unknown;
	} | {
		responses: {
			200: {
				content: Record<EventStream, unknown>;
			};
		};
	} ? Name : never;
}[keyof Actions] & string;
/** The arguments after the name of an action: its inputs may be left out if none is required. */
export type Arguments<Action, Options> = {} extends ParamsOf<Action> ? [
	params?: ParamsOf<Action>,
	options?: Options
] : [
	params: ParamsOf<Action>,
	options?: Options
];
export interface WaitOptions {
	/** Ends the wait: the promise is rejected with the reason of the signal. */
	signal?: AbortSignal | undefined;
	/** The time limit in milliseconds: the promise is rejected with a `TimeoutError`. */
	timeoutMs?: number | undefined;
}
export interface CallOptions extends WaitOptions {
	/** Whether the call is sent again if the connection is lost before the response. */
	idempotent?: boolean;
	/** Whether the call is sent again if the server answers that the rate is exceeded. */
	retryRateLimited?: boolean;
}
export interface ClientEvents {
	/** The state of the connection has changed. */
	state: StateEvent;
	/** The server has ended a subscription, as its session has ended. Further calls are anonymous. */
	sessionEnd: {
		channel: string;
	};
	/** Broadcasts of a channel may have been lost. */
	gap: {
		channel: string;
	};
	/** The server has sent a message to this client, without a channel. */
	direct: {
		message: any;
	};
	/** The server has sent an error that does not name a message. */
	error: CallFailed;
}
/**
 * A client of an ActionHero server.
 *
 * `Actions` has the types of the actions by their names: the interface `operations` that
 * openapi-typescript generates, or `{ name: { params, result } }` and `{ name: { params, stream } }`.
 */
export declare class ActionHeroClient<Actions = AnyActions> extends Emitter<ClientEvents> {
	#private;
	/**
	 * @param url Such as `wss://example.com/ws`; relative to the page in a browser.
	 * @param options The options.
	 */
	constructor(url?: string | URL, options?: ConnectionOptions);
	/** The state of the connection. */
	get state(): State;
	/** How often the connection was lost and restored. */
	get reconnections(): number;
	/**
	 * Connect, and wait for the connection.
	 *
	 * @throws ConnectionLost The client is closed, or does not reconnect.
	 */
	open(options?: WaitOptions): Promise<void>;
	/** Close the connection and open a new one, such as with the cookie of a new session. */
	reconnect(): void;
	/** Close the connection for good. */
	close(): void;
	/**
	 * Call an action. While there is no connection, the call waits for it.
	 *
	 * @throws CallFailed The server answered with an error.
	 * @throws ConnectionLost The connection has ended: if `sent`, the action may have run or not.
	 */
	call<Name extends CallNames<Actions>>(action: Name, ...[params, options]: Arguments<Actions[Name], CallOptions>): Promise<ResultOf<Actions[Name]>>;
	/**
	 * Call an action that is an async generator, and iterate over its events. Leaving the loop, or
	 * aborting the signal, ends the iteration.
	 *
	 * @throws CallFailed The action failed, before the first event or later.
	 * @throws ConnectionLost The connection has ended.
	 */
	stream<Name extends StreamNames<Actions>>(action: Name, ...[params, options]: Arguments<Actions[Name], WaitOptions>): AsyncGenerator<StreamEvent<StreamOf<Actions[Name]>>, void, undefined>;
	/** Call an action that returns a `Stream`, and iterate over its chunks as text; see `stream`. */
	chunks<Name extends keyof Actions & string>(action: Name, ...[params, options]: Arguments<Actions[Name], WaitOptions>): AsyncGenerator<string, void, undefined>;
	/**
	 * Subscribe to a channel, until `unsubscribe` or the end of the iteration.
	 *
	 * @throws Error There is a subscription to the channel already.
	 */
	subscribe<Message = any>(channel: string, options?: SubscribeOptions): Subscription<Message>;
}

export {};
