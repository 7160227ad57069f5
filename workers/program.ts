export { serveProgram as program } from '../src/threads/program-thread.ts';
