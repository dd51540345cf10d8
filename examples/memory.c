/* SPDX-License-Identifier: Apache-2.0
 * From bytes to bytes, as a server would: a PNG or JPEG on standard input, one kernel, a PNG on standard output.
 * Usage: memory KERNEL [PARAM=VALUE,…] <in.jpg >out.png */
#include <stdio.h>
#include <stdlib.h>

#include <smalti/smalti.h>

/* All of a stream. Owned by the caller on success: free(). */
static unsigned char *read_all(FILE *file, size_t *size)
{
    unsigned char *data = NULL;
    size_t room = 0;
    *size = 0;
    for (;;) {
        if (*size == room) {
            room = room ? room * 2 : 65536;
            unsigned char *larger = realloc(data, room);
            if (!larger)
                break;
            data = larger;
        }
        size_t got = fread(data + *size, 1, room - *size, file);
        *size += got;
        if (got == 0) {
            if (ferror(file))
                break;
            return data;
        }
    }
    free(data);
    return NULL;
}

/* A plan needs no inputs when its steps are run on memory. It is constant: a server makes it once and uses it from all
 * of its threads. */
static smalti_result make_plan(const char *kernel, const char *params, smalti_plan **plan, smalti_error *error)
{
    smalti_job *job;
    smalti_result result = smalti_job_new(&job, error);
    if (result != SMALTI_OK)
        return result;
    result = smalti_job_kernel_add(job, kernel, params, error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.format", "png", error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "limits.pixels", "50000000", error); /* refused before anything is allocated */
    if (result == SMALTI_OK)
        result = smalti_plan_new(job, plan, error);
    smalti_job_free(job);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: memory KERNEL [PARAM=VALUE,...] <in.jpg >out.png\n");
        return 2;
    }
    smalti_plan *plan = NULL;
    smalti_error error = {0};
    void *out = NULL;
    size_t size = 0, out_size = 0;
    unsigned char *in = read_all(stdin, &size);
    if (!in) {
        fprintf(stderr, "memory: cannot read standard input\n");
        return 1;
    }

    smalti_result result = make_plan(argv[1], argc > 2 ? argv[2] : NULL, &plan, &error);
    if (result == SMALTI_OK)
        result = smalti_plan_run_memory(plan, NULL, in, size, "stdin", &out, &out_size, NULL, &error);
    if (result != SMALTI_OK)
        fprintf(stderr, "memory: %s\n", error.message);
    else if (fwrite(out, 1, out_size, stdout) != out_size || fflush(stdout) != 0) {
        fprintf(stderr, "memory: cannot write standard output\n");
        result = SMALTI_E_IO;
    }

    free(out);
    free(in);
    smalti_plan_free(plan);
    return result == SMALTI_OK ? 0 : 1;
}
