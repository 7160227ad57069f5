export function floatingThreeSame(r: usize): boolean {
  return false;
}
export function floatingIndexed(r: usize): boolean {
  return false;
}
export function floatingTwoMisc(r: usize): boolean {
  return false;
}
export function floatingShift(r: usize): boolean {
  return false;
}
