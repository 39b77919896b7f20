import { spawn } from 'node:child_process'
import { Stop } from './steps.mjs'

/**
 * Runs a program to its end with its output kept back; on failure the tail of it is shown.
 *
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<string>} what it printed
 */
export function run(command, parameters, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('error', (error) =>
      reject(new Stop(`${command} could not be run: ${error.message}`)),
    )
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Stop(`${command} ${parameters.join(' ')} failed (${code}).\n${output}`))
    })
  })
}
