export type Code = {};
export const packCode = 1; export const unpackCode = 1;
