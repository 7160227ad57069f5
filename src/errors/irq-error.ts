export * from '../base/irq-error.ts';
