export { explorePiece as explore } from '../src/explore/real/explore-entry.ts';
