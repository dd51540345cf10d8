/* SPDX-License-Identifier: Apache-2.0
 * smalti bench ipc: what it costs to hand tasks and pixels to another process. */
#include "cli/bench_ipc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "tasks",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 100,
     .max = 10000000,
     .summary = "tasks of a batch (default 10000)"},
    {.name = "mib",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 1024,
     .summary = "size of the pixels, in MiB (default 24)"},
    {.name = "repeat",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 1000,
     .summary = "how often each is measured, in turns; medians are shown (default 15)"},
    {.name = "json", .summary = "write JSON"},
    {0},
};

const cli_command cli_bench_ipc = {
    .name = "bench ipc",
    .summary = "compare ways to hand tasks and pixels to another process",
    .usage = (const char *const[]){"[OPTION]...", NULL},
    .description =
        "Tasks: a batch that does nothing goes to another process and is answered, 256 bytes each way for each task, "
        "at "
        "most 64 on their way (and 'alone': one at a time, so that each waits for two wakes). Over a channel in shared "
        "memory; over a pipe each way; over a Unix stream socket; over pipes with up to 64 tasks for each system call; "
        "and by starting this program for each task.\n\n"
        "Pixels: this process writes an image, and another reads every byte of it. 'write' lasts until it is written, "
        "'hand over' from then until the other has read it all. 'copies' are counted: bytes moved by read, write and "
        "memcpy, for each byte of the image. In memory made for each image fresh pages are paid for in both columns; "
        "a block is used again, which makes its pages cheap.\n\n"
        "CPU time is that of both processes.",
    .options = options,
    .run = run,
};

enum { WINDOW = 64, ALONE_DIVISOR = 5, SPAWNS = 20 };

typedef struct ipc_settings {
    uint32_t tasks, repeat;
    size_t bytes;
} ipc_settings;

typedef struct ipc_numbers {
    double tasks_least[IPC_TASKS_WAYS], tasks_most[IPC_TASKS_WAYS]; /* of wall, for a task */
    ipc_result tasks[IPC_TASKS_WAYS]; /* medians, for a task */
    double alone_s[IPC_TASKS_WAYS];
    double all_s[IPC_PIXELS_WAYS], pixels_least[IPC_PIXELS_WAYS]; /* median of written and handed over; handed over */
    ipc_result pixels[IPC_PIXELS_WAYS];
} ipc_numbers;

/* ---- Measuring ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of a field of all repetitions; sorted is filled with them, in order. */
static double median(const ipc_result *results, size_t count, size_t field, double *sorted)
{
    for (size_t i = 0; i < count; i++)
        memcpy(&sorted[i], (const char *)&results[i] + field, sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted[count / 2];
}

/* One repetition of everything after the other, so that a machine's moods hit all alike. */
static smalti_result measure_tasks(const ipc_settings *settings, ipc_numbers *numbers, ipc_result *results,
                                   double *sorted, smalti_error *error)
{
    const size_t repeat = settings->repeat;
    ipc_result *alone = results + repeat * IPC_TASKS_WAYS;
    for (size_t i = 0; i < repeat * IPC_TASKS_WAYS; i++) {
        const ipc_tasks_way way = i % IPC_TASKS_WAYS;
        const size_t at = way * repeat + i / IPC_TASKS_WAYS;
        const bool spawn = way == IPC_TASKS_SPAWN;
        const uint32_t count = spawn ? SPAWNS : settings->tasks, few = count / ALONE_DIVISOR;
        smalti_result result = ipc_tasks(way, count, WINDOW, &results[at], error);
        if (result == SMALTI_OK && !spawn)
            result = ipc_tasks(way, few, 1, &alone[at], error);
        if (result < 0)
            return result;
        if (spawn)
            alone[at] = results[at];
        alone[at].wall_s /= spawn ? count : few;
        results[at].wall_s /= count;
        results[at].cpu_s /= count;
        results[at].copied_bytes /= count;
    }
    for (ipc_tasks_way way = 0; way < IPC_TASKS_WAYS; way++) {
        const ipc_result *own = results + way * repeat;
        numbers->alone_s[way] = median(alone + way * repeat, repeat, offsetof(ipc_result, wall_s), sorted);
        numbers->tasks[way].cpu_s = median(own, repeat, offsetof(ipc_result, cpu_s), sorted);
        numbers->tasks[way].wall_s = median(own, repeat, offsetof(ipc_result, wall_s), sorted);
        numbers->tasks[way].copied_bytes = own->copied_bytes;
        numbers->tasks_least[way] = sorted[0];
        numbers->tasks_most[way] = sorted[repeat - 1];
    }
    return SMALTI_OK;
}

static smalti_result measure_pixels(const ipc_settings *settings, ipc_numbers *numbers, ipc_result *results,
                                    double *sorted, smalti_error *error)
{
    ipc_pixels pixels;
    const size_t repeat = settings->repeat;
    smalti_result result = ipc_pixels_open(settings->bytes, &pixels, error);
    /* the first round makes pages and descriptors known, and is not counted */
    for (size_t i = 0; result == SMALTI_OK && i < (repeat + 1) * IPC_PIXELS_WAYS; i++) {
        const ipc_pixels_way way = i % IPC_PIXELS_WAYS;
        const size_t round = i / IPC_PIXELS_WAYS;
        ipc_result first;
        result = ipc_pixels_move(&pixels, way, (uint32_t)i, round ? &results[way * repeat + round - 1] : &first, error);
    }
    ipc_pixels_close(&pixels);
    for (ipc_pixels_way way = 0; result == SMALTI_OK && way < IPC_PIXELS_WAYS; way++) {
        const ipc_result *own = results + way * repeat;
        numbers->pixels[way].write_s = median(own, repeat, offsetof(ipc_result, write_s), sorted);
        numbers->pixels[way].wall_s = median(own, repeat, offsetof(ipc_result, wall_s), sorted);
        numbers->pixels_least[way] = sorted[0];
        numbers->pixels[way].cpu_s = median(own, repeat, offsetof(ipc_result, cpu_s), sorted);
        numbers->pixels[way].copied_bytes = own->copied_bytes;
        for (size_t i = 0; i < repeat; i++)
            sorted[i] = own[i].write_s + own[i].wall_s;
        qsort(sorted, repeat, sizeof *sorted, compare);
        numbers->all_s[way] = sorted[repeat / 2];
    }
    return result;
}

/* ---- Reports ---- */

static double copies(const ipc_settings *settings, const ipc_numbers *numbers, ipc_pixels_way way)
{
    return (double)numbers->pixels[way].copied_bytes / (double)settings->bytes;
}

static double tasks_ratio(const ipc_numbers *numbers, ipc_tasks_way way)
{
    return numbers->tasks[way].wall_s / numbers->tasks[IPC_TASKS_PIPE].wall_s;
}

static double pixels_ratio(const ipc_numbers *numbers, ipc_pixels_way way)
{
    return numbers->pixels[way].wall_s / numbers->pixels[IPC_PIXELS_PIPE].wall_s;
}

static void print_table(const ipc_settings *settings, const ipc_numbers *numbers)
{
    printf("%u tasks of %d bytes, %d on their way; medians of %u, in turns (process for each: %d)\n\n", settings->tasks,
           (int)IPC_TASK_BYTES, WINDOW, settings->repeat, SPAWNS);
    printf("%-26s %10s %21s %10s %10s %8s\n", "tasks", "us a task", "least-most", "CPU us", "alone us", "x pipe");
    for (ipc_tasks_way way = 0; way < IPC_TASKS_WAYS; way++)
        printf("%-26s %10.3f %10.3f-%10.3f %10.3f %10.2f %8.2f\n", ipc_tasks_names[way],
               numbers->tasks[way].wall_s * 1e6, numbers->tasks_least[way] * 1e6, numbers->tasks_most[way] * 1e6,
               numbers->tasks[way].cpu_s * 1e6, numbers->alone_s[way] * 1e6, tasks_ratio(numbers, way));
    printf("\n%-26s %10s %13s %8s %8s %8s %8s %8s\n", "pixels", "write ms", "hand over ms", "least", "all ms", "CPU ms",
           "copies", "x pipe");
    for (ipc_pixels_way way = 0; way < IPC_PIXELS_WAYS; way++)
        printf("%-26s %10.2f %13.2f %8.2f %8.2f %8.2f %8.2f %8.2f\n", ipc_pixels_names[way],
               numbers->pixels[way].write_s * 1e3, numbers->pixels[way].wall_s * 1e3, numbers->pixels_least[way] * 1e3,
               numbers->all_s[way] * 1e3, numbers->pixels[way].cpu_s * 1e3, copies(settings, numbers, way),
               pixels_ratio(numbers, way));
    printf("\ntasks over the channel: %.3f us each (goal: 1 or less), %.0f %% less than over a pipe, %.0f %% less than "
           "over a stream\n",
           numbers->tasks[IPC_TASKS_CHANNEL].wall_s * 1e6, (1 - tasks_ratio(numbers, IPC_TASKS_CHANNEL)) * 100,
           (1 - numbers->tasks[IPC_TASKS_CHANNEL].wall_s / numbers->tasks[IPC_TASKS_STREAM].wall_s) * 100);
    printf("%zu MiB in a block: %.2f x the pipe's time (goal: 0.4 or less), %.0f copies (goal: 0)\n",
           settings->bytes >> 20, pixels_ratio(numbers, IPC_PIXELS_DIRECT),
           copies(settings, numbers, IPC_PIXELS_DIRECT));
    printf("with what it takes to write them: %.2f x, in memory made for each image %.2f x\n",
           numbers->all_s[IPC_PIXELS_DIRECT] / numbers->all_s[IPC_PIXELS_PIPE],
           numbers->all_s[IPC_PIXELS_FRESH] / numbers->all_s[IPC_PIXELS_PIPE]);
}

static void write_table(const ipc_settings *settings, const ipc_numbers *numbers)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_number(&json, "tasks", settings->tasks);
    cli_json_number(&json, "task_bytes", IPC_TASK_BYTES);
    cli_json_number(&json, "window", WINDOW);
    cli_json_number(&json, "pixel_bytes", settings->bytes);
    cli_json_number(&json, "repeat", settings->repeat);
    cli_json_number(&json, "processors", cli_processors());
    cli_json_open(&json, "dispatch", '[');
    for (ipc_tasks_way way = 0; way < IPC_TASKS_WAYS; way++) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "way", ipc_tasks_names[way]);
        cli_json_real(&json, "task_us", numbers->tasks[way].wall_s * 1e6);
        cli_json_real(&json, "task_least_us", numbers->tasks_least[way] * 1e6);
        cli_json_real(&json, "task_most_us", numbers->tasks_most[way] * 1e6);
        cli_json_real(&json, "task_cpu_us", numbers->tasks[way].cpu_s * 1e6);
        cli_json_real(&json, "alone_us", numbers->alone_s[way] * 1e6);
        cli_json_number(&json, "system_call_bytes", numbers->tasks[way].copied_bytes);
        cli_json_real(&json, "vs_pipe", tasks_ratio(numbers, way));
        cli_json_close(&json, '}');
    }
    cli_json_close(&json, ']');
    cli_json_open(&json, "pixels", '[');
    for (ipc_pixels_way way = 0; way < IPC_PIXELS_WAYS; way++) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "way", ipc_pixels_names[way]);
        cli_json_real(&json, "write_ms", numbers->pixels[way].write_s * 1e3);
        cli_json_real(&json, "hand_over_ms", numbers->pixels[way].wall_s * 1e3);
        cli_json_real(&json, "hand_over_least_ms", numbers->pixels_least[way] * 1e3);
        cli_json_real(&json, "all_ms", numbers->all_s[way] * 1e3);
        cli_json_real(&json, "cpu_ms", numbers->pixels[way].cpu_s * 1e3);
        cli_json_real(&json, "copies", copies(settings, numbers, way));
        cli_json_real(&json, "vs_pipe", pixels_ratio(numbers, way));
        cli_json_close(&json, '}');
    }
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    putchar('\n');
}

static int run(const cli_arguments *arguments)
{
    const ipc_settings settings = {.tasks = (uint32_t)cli_number(arguments, "tasks", 10000),
                                   .repeat = (uint32_t)cli_number(arguments, "repeat", 15),
                                   .bytes = (size_t)cli_number(arguments, "mib", 24) << 20};
    ipc_numbers numbers = {0};
    smalti_error error;
    const size_t ways = IPC_TASKS_WAYS * 2 > IPC_PIXELS_WAYS ? IPC_TASKS_WAYS * 2 : IPC_PIXELS_WAYS;
    ipc_result *results = calloc(settings.repeat * ways, sizeof *results);
    double *sorted = calloc(settings.repeat, sizeof *sorted);
    smalti_result result = results && sorted ? SMALTI_OK : cli_fail(&error, SMALTI_E_NOMEM, "no memory for numbers");
    if (result == SMALTI_OK)
        result = measure_tasks(&settings, &numbers, results, sorted, &error);
    if (result == SMALTI_OK)
        result = measure_pixels(&settings, &numbers, results, sorted, &error);
    free(results);
    free(sorted);
    if (result < 0)
        return cli_complain(&error);
    if (cli_given(arguments, "json"))
        write_table(&settings, &numbers);
    else
        print_table(&settings, &numbers);
    return 0;
}
