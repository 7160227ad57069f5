export { serveCalibration as calibration } from '../src/threads/calibration-thread.ts';
