/* SPDX-License-Identifier: Apache-2.0
 * The colours that a lane used last: the images of a batch mostly bring the same profile. */
#include "pixel/color.h"

struct smalti__color_kept {
    smalti__color *color;
    uint32_t channels;
    smalti__color_target target;
    smalti_sample sample;
    size_t size;
    uint8_t icc[]; /* compared whole: two profiles may not be taken for each other */
};

static void drop(struct smalti__color_kept *kept)
{
    if (kept)
        smalti__color_close(kept->color);
    free(kept);
}

/* Moves what is at index to the front. */
static const smalti__color *use(smalti__color_cache *cache, size_t index)
{
    struct smalti__color_kept *kept = cache->kept[index];
    memmove(cache->kept + 1, cache->kept, index * sizeof *cache->kept);
    cache->kept[0] = kept;
    return kept->color;
}

smalti_result smalti__color_cache_get(smalti__color_cache *cache, const void *icc, size_t size, uint32_t channels,
                                      smalti__color_target target, smalti_sample sample, const smalti__color **color,
                                      smalti_error *error)
{
    for (size_t i = 0; i < SMALTI__COLOR_CACHED && cache->kept[i]; i++) {
        const struct smalti__color_kept *kept = cache->kept[i];
        if (kept->size == size && kept->channels == channels && kept->target == target && kept->sample == sample &&
            !memcmp(kept->icc, icc, size)) {
            cache->hits++;
            *color = use(cache, i);
            return SMALTI_OK;
        }
    }
    cache->misses++;
    smalti__color *opened;
    SMALTI__TRY(smalti__color_open(icc, size, channels, target, sample, NULL, &opened, error));
    struct smalti__color_kept *kept = malloc(sizeof *kept + size);
    if (!kept) {
        smalti__color_close(opened);
        return smalti__fail_nomem(error, sizeof *kept + size);
    }
    *kept = (struct smalti__color_kept){opened, channels, target, sample, size};
    memcpy(kept->icc, icc, size);
    drop(cache->kept[SMALTI__COLOR_CACHED - 1]);
    cache->kept[SMALTI__COLOR_CACHED - 1] = kept;
    *color = use(cache, SMALTI__COLOR_CACHED - 1);
    return SMALTI_OK;
}

void smalti__color_cache_clear(smalti__color_cache *cache)
{
    for (size_t i = 0; i < SMALTI__COLOR_CACHED; i++)
        drop(cache->kept[i]);
    *cache = (smalti__color_cache){0};
}
