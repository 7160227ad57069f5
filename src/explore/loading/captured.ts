import type * as Inspector from 'node:inspector';

/** The variables that functions have captured, by name, innermost first for repeated names; without globals. */
export type Captured = ReadonlyMap<string, unknown>;

type Session = InstanceType<typeof Inspector.Session>;
type Remote = { readonly objectId?: string };
type Property = { readonly name: string; readonly value?: Remote };

/** The key under which this module takes the inspector's answers. */
const TAKE = Symbol.for('irqloom.captured');

/**
 * The variables that a function has captured from the functions and the module around it, with their present
 * values. Only a captured variable has a place in a scope; no other variable can change from call to call.
 * @returns an empty map if Node.js was built without its inspector
 */
export function capturedBy(functions: readonly object[]): Captured {
  const captured = new Map<string, unknown>();
  const session = connect();
  if (session === undefined) return captured;
  try {
    for (const each of functions) {
      for (const scope of scopesOf(session, each)) {
        for (const [name, value] of variablesOf(scope)) if (!captured.has(name)) captured.set(name, value);
      }
    }
  } finally {
    session.disconnect();
  }
  return captured;
}

function connect(): Session | undefined {
  try {
    const inspector = process.getBuiltinModule('node:inspector');
    const session = new inspector.Session();
    session.connect();
    return session;
  } catch {
    return undefined;
  }
}

/** The scopes of a function, innermost first, without globals. */
function scopesOf(session: Session, of: object): readonly object[] {
  const whole = take(session, of, (remote) => {
    const { internalProperties = [] } = ask<{ internalProperties?: Property[] }>(
      session,
      'Runtime.getProperties',
      {
        objectId: remote.objectId,
        ownProperties: true,
      },
    );
    return internalProperties.find(({ name }) => name === '[[Scopes]]')?.value;
  });
  if (typeof whole !== 'object' || whole === null) return [];
  return Object.values(whole).flatMap((scope: unknown) => {
    const { description, object } = scope as { description?: unknown; object?: unknown };
    return typeof object === 'object' && object !== null && description !== 'Global' ? [object] : [];
  });
}

/** Finds a part of a value in the inspector's terms, and returns the part itself. */
function take(session: Session, value: object, find: (remote: Remote) => Remote | undefined): unknown {
  const globals = globalThis as unknown as Record<symbol, unknown>;
  let taken: unknown;
  globals[TAKE] = value;
  try {
    const expression = `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(TAKE))})]`;
    const { result } = ask<{ result: Remote }>(session, 'Runtime.evaluate', { expression });
    const found = find(result);
    if (found?.objectId === undefined) return undefined;
    globals[TAKE] = (each: unknown) => {
      taken = each;
    };
    ask(session, 'Runtime.callFunctionOn', {
      objectId: found.objectId,
      functionDeclaration: `function () { ${expression}(this); }`,
    });
    return taken;
  } finally {
    delete globals[TAKE];
  }
}

/** A session in the same thread answers before `post` returns. */
function ask<T>(session: Session, method: string, params: object): T {
  let answer: unknown = {};
  session.post(method, params, (_error: unknown, result: unknown) => {
    answer = result ?? {};
  });
  return answer as T;
}

function variablesOf(scope: object): [name: string, value: unknown][] {
  return Object.entries(Object.getOwnPropertyDescriptors(scope)).flatMap(([name, property]) =>
    'value' in property ? [[name, property.value as unknown]] : [],
  );
}
