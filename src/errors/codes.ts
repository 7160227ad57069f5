export * from '../base/codes.ts';
