import type { Schema } from './schema-of.ts';

/** What is wrong with a value, a line each, with its place; nothing where it is as the schema says. */
export function wrongIn(
  value: unknown,
  schema: Schema,
  definitions: Record<string, Schema>,
  at = '$',
): string[] {
  const { $ref, anyOf, type, items, properties, required = [], additionalProperties } = schema;
  if ($ref !== undefined) {
    const target = definitions[$ref.replace('#/$defs/', '')];
    return target === undefined ? [`${at}: no ${$ref}`] : wrongIn(value, target, definitions, at);
  }
  if (anyOf !== undefined) {
    const tries = anyOf.map((each) => wrongIn(value, each, definitions, at));
    // The alternative that comes nearest tells the most.
    return tries.reduce((best, each) => (each.length < best.length ? each : best));
  }
  if ('const' in schema)
    return value === schema.const
      ? []
      : [`${at} is ${JSON.stringify(value)}, not ${JSON.stringify(schema.const)}`];
  if (schema.enum !== undefined)
    return schema.enum.includes(value)
      ? []
      : [`${at} is ${JSON.stringify(value)}, none of ${JSON.stringify(schema.enum)}`];
  if (type === undefined) return [];
  const own = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (![type].flat().includes(own)) return [`${at} is ${own}, not ${[type].flat().join(' or ')}`];
  if (Array.isArray(value))
    return value.flatMap((each, index) => wrongIn(each, items ?? {}, definitions, `${at}[${index}]`));
  if (own !== 'object') return [];
  const fields = value as Readonly<Record<string, unknown>>;
  const missing = required.filter((name) => !(name in fields)).map((name) => `${at}.${name} is missing`);
  const wrong = Object.entries(fields).flatMap(([name, field]) => {
    const known = properties?.[name] ?? additionalProperties;
    return known === undefined || known === false
      ? [`${at}.${name} is in no type`]
      : wrongIn(field, known, definitions, `${at}.${name}`);
  });
  return [...missing, ...wrong];
}
