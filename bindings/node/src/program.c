/* SPDX-License-Identifier: Apache-2.0
 * Programs: what JavaScript wants done, as words that end in NUL each. It begins with the input,
 *     [budget BYTES]
 *     path FILE | memory BLOCK NAME | pixels BLOCK WIDTH HEIGHT CHANNELS SAMPLE
 * then settings and steps, in order,
 *     set KEY VALUE | step NAME PARAMETERS | kernel MODULE PARAMETERS | attach BLOCK NAME PARAMETERS
 * (a step whose file is a block: bytes that came with the program)
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

const binding_bytes *binding__block(const binding_task *task, binding_words *words)
{
    static const binding_bytes none = {"", 0};
    double number = binding__word_number(words);
    return number >= 0 && number < (double)task->block_count ? &task->blocks[(size_t)number] : &none;
}

static smalti_result open_pixels(const binding_task *task, binding_words *words, smalti_chain **chain,
                                 smalti_error *error)
{
    smalti_image image = {.data = (void *)binding__block(task, words)->data};
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
    if (binding__word_skip(words, "memory")) {
        const binding_bytes *block = binding__block(task, words);
        return smalti_chain_open_memory(block->data, block->size, binding__word(words), chain, error);
    }
    (void)binding__word(words);
    return smalti_chain_open(binding__word(words), &options, chain, error);
}

/* To a chain, or to a job. */
struct goal {
    smalti_chain *chain;
    smalti_job *job;
};

static smalti_result add_step(struct goal to, const char *name, const char *params, smalti_error *error)
{
    return to.chain ? smalti_chain_step(to.chain, name, params, error)
                    : smalti_job_step_add(to.job, name, params, error);
}

static smalti_result add_attached(binding_task *task, struct goal to, binding_words *words, smalti_error *error)
{
    const binding_bytes *block = binding__block(task, words);
    const char *name = binding__word(words);
    char *params = NULL;
    smalti_result result = binding__attach(task, block, binding__word(words), &params, error);
    if (result == SMALTI_OK)
        result = add_step(to, name, params, error);
    free(params);
    return result;
}

static smalti_result add(binding_task *task, struct goal to, binding_words *words, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    while (result == SMALTI_OK) {
        if (binding__word_skip(words, "attach")) {
            result = add_attached(task, to, words, error);
            continue;
        }
        bool set = binding__word_skip(words, "set"), step = !set && binding__word_skip(words, "step");
        if (!set && !step && !binding__word_skip(words, "kernel"))
            break;
        const char *name = binding__word(words), *value = binding__word(words);
        if (step)
            result = add_step(to, name, value, error);
        else if (to.chain)
            result = set ? smalti_chain_set(to.chain, name, value, error)
                         : smalti_chain_kernel(to.chain, name, value, error);
        else
            result =
                set ? smalti_job_set(to.job, name, value, error) : smalti_job_kernel_add(to.job, name, value, error);
    }
    return result;
}

smalti_result binding__chain_add(binding_task *task, smalti_chain *chain, binding_words *words, smalti_error *error)
{
    return add(task, (struct goal){.chain = chain}, words, error);
}

smalti_result binding__job_add(binding_task *task, smalti_job *job, binding_words *words, smalti_error *error)
{
    return add(task, (struct goal){.job = job}, words, error);
}

smalti_result binding__chain_open(binding_task *task, binding_words *words, smalti_chain **chain, smalti_error *error)
{
    smalti_chain *made = NULL;
    if (binding__word_skip(words, "budget"))
        task->memory_bytes = (uint64_t)binding__word_number(words);
    smalti_result result = open_input(task, words, &made, error);
    if (result == SMALTI_OK)
        result = binding__chain_add(task, made, words, error);
    if (result < 0)
        smalti_chain_free(made);
    else
        *chain = made;
    return result;
}
