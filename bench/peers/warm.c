/* SPDX-License-Identifier: Apache-2.0
 * warm FILE FOLDER WIDTH FORMAT: scales one image with the library, from file to file, once for each line on standard
 * input, and answers with the wall and CPU nanoseconds it took: what a job costs in a server that is running; see engine.py. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <smalti/smalti.h>

static long long nanoseconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The plan is made for each run: sharp builds its pipeline anew as well. */
static smalti_result scale(char **words, smalti_error *error)
{
    char size[32];
    snprintf(size, sizeof size, "width=%s", words[2]);
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    smalti_result result = smalti_job_new(&job, error);
    if (result == SMALTI_OK)
        result = smalti_job_input_add(job, words[0], error);
    if (result == SMALTI_OK)
        result = smalti_job_step_add(job, "resize", size, error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.dir", words[1], error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.format", words[3], error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.quality", "80", error);
    if (result == SMALTI_OK)
        result = smalti_plan_new(job, &plan, error);
    if (result == SMALTI_OK)
        result = smalti_plan_run(plan, NULL, NULL, error);
    smalti_plan_free(plan);
    smalti_job_free(job);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: warm FILE FOLDER WIDTH FORMAT\n");
        return 2;
    }
    for (int c = getchar(); c != EOF; c = getchar()) {
        if (c != '\n')
            continue;
        smalti_error error = {0};
        long long wall = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
        if (scale(argv + 1, &error) != SMALTI_OK) {
            fprintf(stderr, "warm: %s\n", error.message);
            return 1;
        }
        cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        wall = nanoseconds(CLOCK_MONOTONIC) - wall;
        printf("%lld %lld\n", wall, cpu);
        fflush(stdout);
    }
    return 0;
}
