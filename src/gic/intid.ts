export * from '../arch/intid.ts';
