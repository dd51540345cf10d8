/* SPDX-License-Identifier: Apache-2.0
 * Programs: what JavaScript wants done, as words that end in NUL each. It begins with the input,
 *     [budget BYTES]
 *     path FILE | memory NAME | pixels WIDTH HEIGHT CHANNELS SAMPLE
 * then settings and steps, in order,
 *     set KEY VALUE | step NAME PARAMETERS | kernel MODULE PARAMETERS
 * and what the kind of task adds to them. lib/ writes these, so a word that is not there is a defect, not bad input; it ends
 * the program all the same. */
#include "binding.h"

binding_words binding__words(const binding_task *task)
{
    return (binding_words){task->program, task->program + task->program_bytes};
}

char *binding__word(binding_words *words)
{
    char *word = words->next;
    if (word >= words->end)
        return words->end; /* the NUL behind the program */
    words->next += strlen(word) + 1;
    return word;
}

bool binding__word_skip(binding_words *words, const char *word)
{
    if (words->next >= words->end || strcmp(words->next, word))
        return false;
    (void)binding__word(words);
    return true;
}

double binding__word_number(binding_words *words)
{
    return strtod(binding__word(words), NULL);
}

static smalti_result open_pixels(const binding_task *task, binding_words *words, smalti_chain **chain,
                                 smalti_error *error)
{
    smalti_image image = {.data = (void *)task->data};
    image.width = (uint32_t)binding__word_number(words);
    image.height = (uint32_t)binding__word_number(words);
    image.channels = (uint32_t)binding__word_number(words);
    image.sample = (smalti_sample)binding__word_number(words);
    /* lib/ has compared the size of data with these, in whole numbers below 2^53 */
    image.pitch = (size_t)image.width * image.channels * smalti_sample_bytes(image.sample);
    return smalti_chain_open_image(&image, chain, error);
}

static smalti_result open_input(const binding_task *task, binding_words *words, smalti_chain **chain,
                                smalti_error *error)
{
    const smalti_run_options options = {
        .size = sizeof options, .cancel = task->cancel, .memory_bytes = task->memory_bytes};
    if (binding__word_skip(words, "pixels"))
        return open_pixels(task, words, chain, error);
    if (binding__word_skip(words, "memory"))
        return smalti_chain_open_memory(task->data, task->data_bytes, binding__word(words), chain, error);
    (void)binding__word(words);
    return smalti_chain_open(binding__word(words), &options, chain, error);
}

smalti_result binding__chain_add(smalti_chain *chain, binding_words *words, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    while (result == SMALTI_OK) {
        bool set = binding__word_skip(words, "set"), step = !set && binding__word_skip(words, "step");
        if (!set && !step && !binding__word_skip(words, "kernel"))
            break;
        const char *name = binding__word(words), *value = binding__word(words);
        result = set    ? smalti_chain_set(chain, name, value, error)
                 : step ? smalti_chain_step(chain, name, value, error)
                        : smalti_chain_kernel(chain, name, value, error);
    }
    return result;
}

smalti_result binding__job_add(smalti_job *job, binding_words *words, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    while (result == SMALTI_OK) {
        bool set = binding__word_skip(words, "set"), step = !set && binding__word_skip(words, "step");
        if (!set && !step && !binding__word_skip(words, "kernel"))
            break;
        const char *name = binding__word(words), *value = binding__word(words);
        result = set    ? smalti_job_set(job, name, value, error)
                 : step ? smalti_job_step_add(job, name, value, error)
                        : smalti_job_kernel_add(job, name, value, error);
    }
    return result;
}

smalti_result binding__chain_open(binding_task *task, binding_words *words, smalti_chain **chain, smalti_error *error)
{
    smalti_chain *made = NULL;
    if (binding__word_skip(words, "budget"))
        task->memory_bytes = (uint64_t)binding__word_number(words);
    smalti_result result = open_input(task, words, &made, error);
    if (result == SMALTI_OK)
        result = binding__chain_add(made, words, error);
    if (result < 0)
        smalti_chain_free(made);
    else
        *chain = made;
    return result;
}
