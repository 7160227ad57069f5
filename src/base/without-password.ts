/** A text with the passwords of its URLs as `***`: for messages, pages and logs. */
export function withoutPassword(text: string): string {
  return text.replace(/(\w+:\/\/[^\s:/@]*):[^\s]*@/g, '$1:***@');
}
