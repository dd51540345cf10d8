/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a job: parsed, read in pieces, printed, parsed again. Inputs are taken as they are: what a pattern finds is not
 * the point. */
#include <smalti/job.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The same from a descriptor that gives 13 bytes at a time must come to the same. Longer ones do not fit its buffer. */
static void read_in_pieces(const uint8_t *data, size_t size, smalti_result wanted, const smalti_error *why,
                           const smalti_job *parsed)
{
    enum { PIECE = 13, MAX = 1500 };
    int ends[2];
    smalti_job *job = NULL;
    smalti_error error = {0};
    if (size > MAX || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        return;
    for (size_t at = 0; at < size; at += PIECE)
        if (send(ends[0], data + at, size - at < PIECE ? size - at : PIECE, MSG_DONTWAIT) < 0)
            abort();
    close(ends[0]);
    if (smalti_job_read_fd(ends[1], "job.json", &job, &error) != wanted)
        abort();
    if (wanted < 0 ? strcmp(error.message, why->message) != 0 || error.offset != why->offset
                   : smalti_job_input_count(job) != smalti_job_input_count(parsed))
        abort();
    close(ends[1]);
    smalti_job_free(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smalti_job *job = NULL, *again = NULL;
    smalti_error error;
    char *text = NULL;
    if (memchr(data, '*', size)) /* no walks through this machine's folders */
        return 0;
    smalti_result result = smalti_job_parse((const char *)data, size, "job.json", &job, &error);
    read_in_pieces(data, size, result, &error, job);
    if (result < 0)
        return 0;
    if (smalti_job_print(job, &text, &error) == SMALTI_OK) {
        /* what is printed must be readable again, but for parameters that only a person can have typed */
        if (smalti_job_parse(text, strlen(text), "printed.json", &again, &error) < 0)
            abort();
        if (smalti_job_input_count(again) != smalti_job_input_count(job))
            abort();
    }
    free(text);
    smalti_job_free(again);
    smalti_job_free(job);
    return 0;
}
