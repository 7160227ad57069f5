/**
 * The properties of an object that hold a value, as `Object.entries` gives them: enumerable, the object's own, named by
 * strings. No getter is called.
 */
export function dataProperties(value: object): [key: string, value: unknown][] {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, property]) =>
    property.enumerable && 'value' in property ? [[key, property.value as unknown]] : [],
  );
}
