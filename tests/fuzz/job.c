/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a job: parsed, printed, parsed again. Inputs are taken as they are: what a pattern finds is not the point. */
#include <smalti/job.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smalti_job *job = NULL, *again = NULL;
    smalti_error error;
    char *text = NULL;
    if (memchr(data, '*', size)) /* no walks through this machine's folders */
        return 0;
    if (smalti_job_parse((const char *)data, size, "job.json", &job, &error) < 0)
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
