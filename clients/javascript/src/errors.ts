// The errors of calls and subscriptions.

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
export class CallFailed extends Error {
  override readonly name = "CallFailed";
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

  constructor(document: ErrorDocument) {
    super(document.message);
    this.type = document.type;
    this.key = document.key;
    this.value = document.value;
    this.errors = document.errors ?? [];
    this.requestId = document.request_id;
    this.document = document;
  }
}

/** The connection has ended without an answer. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(
    message: string,
    /** Whether the message was sent: the action may have run or not. Otherwise it has not run. */
    readonly sent: boolean,
    /** The close code of the connection (RFC 6455, section 7.4). */
    readonly code?: number,
    /** The reason that the server gave. */
    readonly reason?: string,
  ) {
    super(message);
  }
}

/** Whether a later attempt may succeed, as after an outage of the server's Redis. */
export function isTemporary(error: unknown): boolean {
  return error instanceof CallFailed && TEMPORARY.has(error.type);
}

export const RATE_LIMITED = "CONNECTION_RATE_LIMITED";

const TEMPORARY = new Set([
  RATE_LIMITED,
  "CONNECTION_ACTION_TIMEOUT",
  "CONNECTION_SERVER_ERROR",
  "CONNECTION_SERVICE_UNAVAILABLE",
]);
