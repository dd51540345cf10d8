/* SPDX-License-Identifier: Apache-2.0
 * The one table of the job's keys: it serves JSON, smalti_job_set and, through that, the command line. */
#include "pipeline/job.h"

#include <errno.h>
#include <strings.h>

#define AT(field) offsetof(smalti__settings, field)

const smalti__key smalti__keys[] = {
    {"input", "lenient", SMALTI__KEY_BOOL, AT(lenient)},
    {"input", "orient", SMALTI__KEY_BOOL, AT(orient)},
    {"input", "recursive", SMALTI__KEY_BOOL, AT(recursive)},
    {"input", "frames", SMALTI__KEY_CHOICE, AT(frames), 0, 0, "first|all"},
    {"input", "part", SMALTI__KEY_TEXT, AT(part)},
    {"input", "layer", SMALTI__KEY_TEXT, AT(layer)},
    {"input", "view", SMALTI__KEY_TEXT, AT(view)},
    {"input", "level", SMALTI__KEY_NUMBER, AT(level), 0, 31},
    {"input", "contact_sheet", SMALTI__KEY_BOOL, AT(contact_sheet)},
    {"input", "sheet_cell", SMALTI__KEY_NUMBER, AT(sheet_cell), 32, 4096},
    {"input", "preview", SMALTI__KEY_BOOL, AT(preview)},
    {"input", "flatten_deep", SMALTI__KEY_BOOL, AT(flatten_deep)},
    {"output", "dir", SMALTI__KEY_TEXT, AT(dir)},
    {"output", "file", SMALTI__KEY_TEXT, AT(file)},
    {"output", "template", SMALTI__KEY_TEXT, AT(template_text)},
    {"output", "format", SMALTI__KEY_TEXT, AT(format)},
    {"output", "quality", SMALTI__KEY_NUMBER, AT(quality), 1, 100},
    {"output", "subsampling", SMALTI__KEY_NUMBER, AT(subsampling), 420, 444, "420|422|444"},
    {"output", "progressive", SMALTI__KEY_BOOL, AT(progressive)},
    {"output", "optimize", SMALTI__KEY_BOOL, AT(optimize)},
    {"output", "lossless", SMALTI__KEY_BOOL, AT(lossless)},
    {"output", "png_effort", SMALTI__KEY_NUMBER, AT(png_effort), 1, 9},
    {"output", "webp_effort", SMALTI__KEY_NUMBER, AT(webp_effort), 0, 6},
    {"output", "avif_effort", SMALTI__KEY_NUMBER, AT(avif_effort), 0, 9},
    {"output", "colors", SMALTI__KEY_NUMBER, AT(colors), 2, 256},
    {"output", "dither", SMALTI__KEY_NUMBER, AT(dither), 0, 100},
    {"output", "tiff_compression", SMALTI__KEY_CHOICE, AT(tiff_compression), 0, 0, "lzw|deflate|packbits|none"},
    {"output", "exr_compression", SMALTI__KEY_CHOICE, AT(exr_compression), 0, 0, "zip|zips|none|piz|rle"},
    {"output", "exr_samples", SMALTI__KEY_CHOICE, AT(exr_samples), 0, 0, "auto|half|float"},
    {"output", "depth", SMALTI__KEY_NUMBER, AT(depth), 8, 16, "8|16"},
    {"output", "max_bytes", SMALTI__KEY_NUMBER, AT(max_bytes), 1, UINT64_MAX / 64},
    {"output", "target_quality", SMALTI__KEY_NUMBER, AT(target_quality), 1, 100},
    {"output", "set", SMALTI__KEY_TEXT, AT(set)},
    {"output", "preset", SMALTI__KEY_TEXT, AT(preset)},
    {"output", "overwrite", SMALTI__KEY_BOOL, AT(overwrite)},
    {"output", "skip_existing", SMALTI__KEY_BOOL, AT(skip_existing)},
    {"output", "metadata", SMALTI__KEY_CHOICE, AT(metadata), 0, 0, "icc|all|none"},
    {"output", "background", SMALTI__KEY_COLOR, AT(background), 0, 0xffffff},
    {"limits", "preset", SMALTI__KEY_CHOICE, AT(limits), 0, 0, "standard|strict|lenient"},
    {"limits", "pixels", SMALTI__KEY_NUMBER, AT(pixels), 1, UINT64_MAX / 64},
    {"limits", "frames", SMALTI__KEY_NUMBER, AT(frames_max), 1, UINT32_MAX},
    {"limits", "ratio", SMALTI__KEY_NUMBER, AT(ratio), 1, UINT32_MAX},
    {"limits", "task_ms", SMALTI__KEY_NUMBER, AT(task_ms), 1, 24ull * 3600 * 1000},
    {"limits", "metadata", SMALTI__KEY_NUMBER, AT(metadata_bytes), 1, 1u << 30},
    {"limits", "kernel_ms", SMALTI__KEY_NUMBER, AT(kernel_ms), 1, 24ull * 3600 * 1000},
    {"limits", "kernel_memory", SMALTI__KEY_NUMBER, AT(kernel_memory), 65536, 4ull << 30},
    {"limits", "compile_ms", SMALTI__KEY_NUMBER, AT(compile_ms), 1, 24ull * 3600 * 1000},
};
const size_t smalti__key_count = SMALTI__COUNT(smalti__keys);

void smalti__settings_default(smalti__settings *settings)
{
    *settings = (smalti__settings){
        .orient = true,
        .png_effort = 4,
        .webp_effort = 4,
        .avif_effort = 4,
        .dither = 100,
        .background = 0xffffff,
        .kernel_ms = 10000,
        .kernel_memory = 256u << 20,
        .compile_ms = 30000,
    };
}

smalti__limits smalti__settings_limits(const smalti__settings *settings)
{
    static const smalti__limits presets[] = {
        [SMALTI__LIMITS_STANDARD] = {268402689, 10000, 16u << 20, 0, 0}, /* 16383²: as sharp and libvips refuse */
        [SMALTI__LIMITS_STRICT] = {100000000, 300, 1u << 20, 2000, 30000},
        [SMALTI__LIMITS_LENIENT] = {0, 0, 1u << 30, 0, 0},
    };
    smalti__limits limits = presets[settings->limits];
    limits.pixels = settings->pixels ? settings->pixels : limits.pixels;
    limits.frames = settings->frames_max ? (uint32_t)settings->frames_max : limits.frames;
    limits.metadata_bytes = settings->metadata_bytes ? settings->metadata_bytes : limits.metadata_bytes;
    limits.ratio = settings->ratio ? settings->ratio : limits.ratio;
    limits.task_ms = settings->task_ms ? settings->task_ms : limits.task_ms;
    return limits;
}

static void *place(const smalti__settings *settings, const smalti__key *key)
{
    return (uint8_t *)settings + key->offset;
}

void smalti__settings_clear(smalti__settings *settings)
{
    for (size_t i = 0; i < smalti__key_count; i++)
        if (smalti__keys[i].type == SMALTI__KEY_TEXT) {
            free(*(char **)place(settings, &smalti__keys[i]));
            *(char **)place(settings, &smalti__keys[i]) = NULL;
        }
}

const smalti__key *smalti__key_find(const char *section, size_t section_size, const char *name)
{
    for (size_t i = 0; i < smalti__key_count; i++) {
        const smalti__key *key = &smalti__keys[i];
        if (strlen(key->section) == section_size && !memcmp(key->section, section, section_size) &&
            !strcmp(key->name, name))
            return key;
    }
    return NULL;
}

static smalti_result set_number(uint64_t *value, const smalti__key *key, const char *text, smalti_error *error)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s.%s is a whole number, not \"%.64s\"", key->section,
                            key->name, text);
    if (key->choices && smalti__choice_index(key->choices, text) < 0)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s.%s is one of %s, not %.64s", key->section, key->name,
                            key->choices, text);
    if (errno || number < key->min || number > key->max)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s.%s is %llu to %llu, not %.64s", key->section, key->name,
                            (unsigned long long)key->min, (unsigned long long)key->max, text);
    *value = number;
    return SMALTI_OK;
}

smalti_result smalti__key_set(smalti__settings *settings, const smalti__key *key, const char *text, smalti_error *error)
{
    void *at = place(settings, key);
    switch (key->type) {
    case SMALTI__KEY_TEXT: {
        char *copy = strdup(text);
        if (!copy)
            return smalti__fail_nomem(error, strlen(text) + 1);
        free(*(char **)at);
        *(char **)at = copy;
        return SMALTI_OK;
    }
    case SMALTI__KEY_BOOL:
        if (strcmp(text, "true") && strcmp(text, "false"))
            return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s.%s is true or false, not \"%.64s\"", key->section,
                                key->name, text);
        *(bool *)at = *text == 't';
        return SMALTI_OK;
    case SMALTI__KEY_NUMBER:
        return set_number(at, key, text, error);
    case SMALTI__KEY_CHOICE: {
        int index = smalti__choice_index(key->choices, text);
        if (index < 0)
            return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s.%s is one of %s, not \"%.64s\"", key->section,
                                key->name, key->choices, text);
        *(uint64_t *)at = (uint64_t)index;
        return SMALTI_OK;
    }
    case SMALTI__KEY_COLOR:
        text += *text == '#';
        if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6)
            return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s.%s is a colour RRGGBB, not \"%.64s\"", key->section,
                                key->name, text);
        *(uint64_t *)at = strtoull(text, NULL, 16);
        return SMALTI_OK;
    }
    return SMALTI_OK;
}

const char *smalti__key_text(const smalti__settings *settings, const smalti__key *key, char *out, size_t out_size)
{
    smalti__settings defaults;
    smalti__settings_default(&defaults);
    const void *at = place(settings, key), *usual = place(&defaults, key);
    if (key->type == SMALTI__KEY_TEXT)
        return *(char *const *)at;
    if (key->type == SMALTI__KEY_BOOL) {
        snprintf(out, out_size, "%s", *(const bool *)at ? "true" : "false");
        return *(const bool *)at != *(const bool *)usual ? out : NULL;
    }
    uint64_t value = *(const uint64_t *)at;
    if (value == *(const uint64_t *)usual)
        return NULL;
    if (key->type == SMALTI__KEY_CHOICE) {
        smalti__choice_text(key->choices, (int)value, out, out_size);
    } else {
        snprintf(out, out_size, key->type == SMALTI__KEY_COLOR ? "%06llx" : "%llu", (unsigned long long)value);
    }
    return out;
}
