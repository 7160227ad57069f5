/**
 * Lists the properties of an object that hold a value, as `Object.entries` does: own, enumerable, named by strings.
 * Calls no getter.
 */
export function dataProperties(value: object): [key: string, value: unknown][] {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, property]) =>
    property.enumerable && 'value' in property ? [[key, property.value as unknown]] : [],
  );
}
