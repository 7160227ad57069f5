export { searchPrograms as drawn } from '../src/races/drawn/search-entry.ts';
