// The events of streams.

import { CallFailed, type ErrorDocument } from "./errors.js";

/** An event of a stream. */
export interface StreamEvent<Data = any> {
  /** The item, decoded if it is JSON. */
  data: Data;
  event?: string;
  id?: string;
  /** Milliseconds. */
  retry?: number;
}

/**
 * Return the event of a chunk in the format of server-sent events (HTML standard, section 9.2);
 * `undefined` if the chunk is a comment.
 *
 * @throws CallFailed The event reports the error of the action.
 */
export function parseEvent(chunk: string): StreamEvent | undefined {
  const fields: Record<string, string> = {};
  for (const line of chunk.split(/\r?\n/)) {
    const [, name, value] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name) {
      const text = value ?? "";
      fields[name] = name === "data" && "data" in fields ? `${fields.data}\n${text}` : text;
    }
  }
  const { data, event, id, retry } = fields;
  if (data === undefined) {
    return undefined;
  }
  const content = decode(data);
  if (event === "error" && content?.error) {
    throw new CallFailed(content.error as ErrorDocument);
  }
  return {
    data: content,
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id }),
    ...(retry !== undefined && { retry: Number(retry) }),
  };
}

function decode(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
