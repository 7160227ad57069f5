/** Which code of the user's own was measured, as text for people. */
export function ownLines({ guest, device }: { readonly guest?: string; readonly device?: string }): string[] {
  const names = [
    ...(guest === undefined ? [] : [`guest ${guest}`]),
    ...(device === undefined ? [] : [`device ${device}`]),
  ];
  return names.length === 0 ? [] : [names.join(', ')];
}
