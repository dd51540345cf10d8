// SPDX-License-Identifier: Apache-2.0
// Smalti beside an application on Node: one process for a batch, its events as lines.
// Usage: node sidecar.mjs SMALTI OUTPUT-FOLDER INPUT...
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// Runs a job with its tasks; onEvent gets each event. Gives the last one, "batch", and cancel() on the way.
export function runBatch(smalti, job, onEvent) {
    let worker;
    const cancel = (id = true) => worker?.stdin.write(JSON.stringify({ cancel: id }) + '\n');
    const finished = (async () => {
        const folder = await mkdtemp(join(tmpdir(), 'batch-'));
        try {
            const file = join(folder, 'batch.json');
            await writeFile(file, JSON.stringify(job)); // a file: a command line has an end
            worker = spawn(smalti, ['worker', '--batch', file, '--own', '--control'], { stdio: ['pipe', 'pipe', 'inherit'] });
            worker.stdin.on('error', () => {}); // it may have ended before a cancel came
            const ended = new Promise((resolve, reject) => worker.on('error', reject).on('close', resolve));
            let last = null;
            // a loop that is slow holds the worker back, and nothing piles up
            for await (const line of createInterface({ input: worker.stdout })) onEvent?.((last = JSON.parse(line)));
            const code = await ended;
            if (last?.event !== 'batch') throw new Error(`the worker died (${code ?? worker.signalCode})`);
            return last;
        } finally {
            await rm(folder, { recursive: true, force: true });
        }
    })();
    return { finished, cancel };
}

if (process.argv[1]?.endsWith('sidecar.mjs')) {
    const [smalti, folder, ...inputs] = process.argv.slice(2);
    const job = {
        steps: [{ resize: { width: 640, height: 640, enlarge: false } }],
        tasks: inputs.map((input, i) => ({ id: `${i}`, input, output: join(folder, `${i}.webp`) })),
    };
    let ended = 0;
    const batch = runBatch(smalti, job, (event) => {
        if (event.event === 'progress') console.log(`  ${event.id}: ${Math.round(event.fraction * 100)} %`);
        if (event.event === 'done') console.log(`[${++ended}/${inputs.length}] ${event.id}: ${event.bytes_out} bytes`);
        if (event.event === 'failed') console.log(`[${++ended}/${inputs.length}] ${event.id} failed: ${event.error.message}`);
    });
    process.once('SIGINT', () => batch.cancel());
    process.exitCode = (await batch.finished).exit;
}
