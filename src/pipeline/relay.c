/* SPDX-License-Identifier: Apache-2.0
 * One strip in flight: while it is encoded, the kernels make the next one in another buffer. */
#include "pipeline/relay.h"

#include <pthread.h>

struct smalti__relay {
    smalti__encoder *encoder;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    const void *rows; /* to be encoded; NULL: none */
    size_t pitch;
    uint32_t count;
    bool ending;
    smalti_result result; /* of the first strip that failed */
    smalti_error error;
    uint64_t busy_ns, cpu_ns;
};

static void *relay_main(void *argument)
{
    smalti__relay *relay = argument;
    pthread_mutex_lock(&relay->lock);
    for (;;) {
        while (!relay->rows && !relay->ending)
            pthread_cond_wait(&relay->changed, &relay->lock);
        if (!relay->rows)
            break;
        smalti_error error = {0};
        smalti_result result = relay->result;
        pthread_mutex_unlock(&relay->lock);
        uint64_t start = smalti__now_ns();
        if (result == SMALTI_OK)
            result = relay->encoder->format->write(relay->encoder, relay->rows, relay->pitch, relay->count, &error);
        uint64_t spent = smalti__now_ns() - start;
        pthread_mutex_lock(&relay->lock);
        relay->busy_ns += spent;
        if (relay->result == SMALTI_OK && result < 0) {
            relay->result = result;
            relay->error = error;
        }
        relay->rows = NULL;
        pthread_cond_broadcast(&relay->changed);
    }
    relay->cpu_ns = smalti__thread_cpu_ns();
    pthread_mutex_unlock(&relay->lock);
    return NULL;
}

smalti__relay *smalti__relay_open(smalti__encoder *encoder)
{
    smalti__relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return NULL;
    relay->encoder = encoder;
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->changed, NULL);
    if (pthread_create(&relay->thread, NULL, relay_main, relay) == 0)
        return relay;
    pthread_cond_destroy(&relay->changed);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
    return NULL;
}

/* With the lock held: until the strip in flight is done. */
static smalti_result wait_free(smalti__relay *relay, smalti_error *error)
{
    while (relay->rows)
        pthread_cond_wait(&relay->changed, &relay->lock);
    if (relay->result < 0 && error)
        *error = relay->error;
    return relay->result;
}

smalti_result smalti__relay_write(smalti__relay *relay, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    pthread_mutex_lock(&relay->lock);
    smalti_result result = wait_free(relay, error);
    if (result == SMALTI_OK) {
        relay->rows = rows;
        relay->pitch = pitch;
        relay->count = count;
        pthread_cond_broadcast(&relay->changed);
    }
    pthread_mutex_unlock(&relay->lock);
    return result;
}

smalti_result smalti__relay_drain(smalti__relay *relay, smalti_error *error)
{
    pthread_mutex_lock(&relay->lock);
    smalti_result result = wait_free(relay, error);
    pthread_mutex_unlock(&relay->lock);
    return result;
}

void smalti__relay_close(smalti__relay *relay, uint64_t *busy_ns, uint64_t *cpu_ns)
{
    if (!relay)
        return;
    pthread_mutex_lock(&relay->lock);
    relay->ending = true;
    pthread_cond_broadcast(&relay->changed);
    pthread_mutex_unlock(&relay->lock);
    pthread_join(relay->thread, NULL);
    *busy_ns += relay->busy_ns;
    *cpu_ns += relay->cpu_ns;
    pthread_cond_destroy(&relay->changed);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
}
