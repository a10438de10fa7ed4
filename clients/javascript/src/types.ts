// The types of calls, from `operations` as openapi-typescript generates them, or declared by hand.

/** The types of actions that are not declared. */
export interface AnyActions {
  [action: string]: { params: any; result: any; stream: any };
}

type Simplify<T> = { [Key in keyof T]: T[Key] };
/** `unknown`, neutral in an intersection, for inputs that do not exist: `never` or `undefined`. */
type Inputs<T> = [T] extends [undefined] ? unknown : NonNullable<T>;
type Content<Part, Media extends string> = Part extends { content: { [Key in Media]: infer T } }
  ? T
  : never;
type BodyInputs<T> = [T] extends [undefined] ? unknown : Inputs<Content<NonNullable<T>, "application/json">>;
type Success<Responses> = Responses[Extract<keyof Responses, 200 | 201 | 202 | 203>];
type EventStream = "text/event-stream";

/** The inputs of an action: those of its path, query and body. */
export type ParamsOf<Action> = Action extends { params: infer T }
  ? T
  : Action extends { parameters: { query?: infer Query; path?: infer Path } }
    ? Simplify<
        Inputs<Query> & Inputs<Path> & (Action extends { requestBody?: infer T } ? BodyInputs<T> : unknown)
      >
    : {};

/** The response of an action; a list is an object with its indexes as keys. */
export type ResultOf<Action> = Action extends { result: infer T }
  ? T
  : Action extends { responses: infer Responses }
    ? ResponseOf<Content<Success<Responses>, "application/json">>
    : unknown;
type ResponseOf<T> = T extends readonly (infer Item)[] ? { [index: string]: Item } : T;

/** The data of the events of an action that streams. */
export type StreamOf<Action> = Action extends { stream: infer T } ? T : unknown;

/** The names of the actions that return a result. */
export type CallNames<Actions> = {
  [Name in keyof Actions]: Actions[Name] extends { result: unknown }
    ? Name
    : Actions[Name] extends { stream: unknown } | { responses: { 200: { content: Record<EventStream, unknown> } } }
      ? never
      : Name;
}[keyof Actions] &
  string;

/** The names of the actions that stream. */
export type StreamNames<Actions> = {
  [Name in keyof Actions]: Actions[Name] extends
    | { stream: unknown }
    | { responses: { 200: { content: Record<EventStream, unknown> } } }
    ? Name
    : never;
}[keyof Actions] &
  string;

/** The arguments after the name of an action: its inputs may be left out if none is required. */
export type Arguments<Action, Options> = {} extends ParamsOf<Action>
  ? [params?: ParamsOf<Action>, options?: Options]
  : [params: ParamsOf<Action>, options?: Options];
