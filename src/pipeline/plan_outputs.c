/* SPDX-License-Identifier: Apache-2.0
 * The outputs that each input has: what output.format, output.preset and output.set come to. */
#include "pipeline/plan.h"

/* ---- formats ---- */

/* "png, jpeg or webp" */
static const char *list_formats(char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; smalti__encoder_formats[i] && used < out_size - 1; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s",
                                 !i                               ? ""
                                 : smalti__encoder_formats[i + 1] ? ", "
                                                                  : " or ",
                                 smalti__encoder_formats[i]->name);
    return out;
}

static smalti_result find_format(const char *key, const char *name, const smalti__encoder_format **format,
                                 smalti_error *error)
{
    char list[160], shown[40];
    *format = smalti__encoder_find(name);
    smalti__printable(name, strlen(name), shown, sizeof shown);
    return *format ? SMALTI_OK
                   : smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s is %s, not \"%s\"", key,
                                  list_formats(list, sizeof list), shown);
}

const smalti__encoder_format *smalti__plan_web_format(size_t index)
{
    static const char *const names[] = {"avif", "webp", "jpeg"};
    return index < SMALTI__COUNT(names) ? smalti__encoder_find(names[index]) : NULL;
}

const smalti__encoder_format *smalti__plan_own_format(const char *name)
{
    const smalti__encoder_format *format = smalti__encoder_find(name);
    return format ? format : &smalti__encoder_png; /* for one that is only read, such as GIF */
}

bool smalti__plan_search(const smalti_plan *plan, size_t variant, const smalti__encoder_format *format,
                         smalti__search_options *search)
{
    const smalti__settings *settings = smalti__plan_settings(plan, variant);
    bool smallest = plan->smallest && !plan->variants[variant].format;
    *search = (smalti__search_options){.max_bytes = settings->max_bytes,
                                       .target_score = (double)settings->target_quality,
                                       .candidates = {format},
                                       .candidate_count = 1};
    smalti__plan_background(settings, search->background);
    if (smallest)
        for (uint32_t i = 0; smalti__plan_web_format(i); i++) {
            search->candidates[i] = smalti__plan_web_format(i);
            search->candidate_count = i + 1;
        }
    return format && format != &smalti__encoder_pixels && (smallest || settings->max_bytes || settings->target_quality);
}

/* ---- presets ---- */

struct preset {
    const char *name, *resize, *format;
    uint64_t quality;
    bool progressive;
    bool smallest; /* of AVIF, WebP and JPEG */
};

static const struct preset presets[] = {
    {"thumbnail", "320x320:enlarge=false", "webp", 75, false, false},
    {"avatar", "256x256:fit=cover", "webp", 80, false, false},
    {"hero", "1920x:enlarge=false", "webp", 80, false, false},
    {"social", "1200x630:fit=cover", "jpeg", 85, true, false},
    {"web", NULL, NULL, 0, false, true},
};

/* Before this step the preset's resizing stands: behind what cuts and turns, so that what comes after works on less. */
static size_t place_of_resize(const smalti_job *job)
{
    static const char *const before[] = {"crop", "trim", "rotate", "flip", "flop", "smartcrop"};
    for (size_t i = 0; i < job->step_count; i++) {
        bool found = false;
        for (size_t k = 0; k < SMALTI__COUNT(before); k++)
            found = found || !strcmp(job->steps[i].kind->info.name, before[k]);
        if (!found)
            return i;
    }
    return job->step_count;
}

static smalti_result insert_resize(smalti_job *job, const char *text, smalti_error *error)
{
    for (size_t i = 0; i < job->step_count; i++)
        if (!strcmp(job->steps[i].kind->info.name, "resize"))
            return SMALTI_OK; /* what is given holds */
    size_t place = place_of_resize(job);
    SMALTI__TRY(smalti_job_step_add(job, "resize", text, error));
    const smalti__step added = job->steps[job->step_count - 1];
    memmove(&job->steps[place + 1], &job->steps[place], (job->step_count - 1 - place) * sizeof added);
    job->steps[place] = added;
    return SMALTI_OK;
}

static smalti_result apply_preset(smalti_plan *plan, const char *name, smalti_error *error)
{
    smalti__settings *settings = &plan->job->settings;
    const struct preset *preset = NULL;
    for (size_t i = 0; i < SMALTI__COUNT(presets); i++)
        if (!strcmp(presets[i].name, name))
            preset = &presets[i];
    if (!preset)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE,
                            "output.preset is thumbnail, avatar, hero, social or web, not \"%.32s\"", name);
    if (preset->resize && !settings->set)
        SMALTI__TRY(insert_resize(plan->job, preset->resize, error));
    bool named = settings->file || plan->own_outputs; /* the name says which format */
    if (preset->format && !settings->format && !named) {
        settings->format = strdup(preset->format);
        if (!settings->format)
            return smalti__fail_nomem(error, 8);
    }
    if (!settings->quality && preset->format && settings->format && !strcmp(settings->format, preset->format))
        settings->quality = preset->quality;
    settings->progressive = settings->progressive || preset->progressive;
    plan->smallest = preset->smallest && !settings->format && !named;
    const char *text = settings->template_text, *extension = text ? strstr(text, "{ext}") : NULL;
    if (plan->smallest && extension && strchr(extension, '/'))
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "output.preset web cannot have {ext} in the name of a folder: it is known at the end");
    return SMALTI_OK;
}

/* ---- sets ---- */

/* Cuts the next word before a comma off *text; NULL at the end. */
static char *next_word(char **text)
{
    char *word = *text, *comma = word ? strchr(word, ',') : NULL;
    *text = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return word;
}

static smalti_result read_widths(char *text, uint32_t *widths, size_t *count, smalti_error *error)
{
    for (char *word; (word = next_word(&text));) {
        double number;
        if (!smalti__number_parse(word, &number) || number < 1 || number > INT32_MAX || number != (uint32_t)number)
            return smalti__fail(error, SMALTI_E_INVALID_RANGE, "output.set: widths are pixels, not \"%.32s\"", word);
        if (*count == SMALTI__VARIANTS_MAX)
            return smalti__fail(error, SMALTI_E_LIMIT, "output.set has more than %d widths", SMALTI__VARIANTS_MAX);
        widths[(*count)++] = (uint32_t)number;
    }
    return SMALTI_OK;
}

static smalti_result read_formats(char *text, const smalti__encoder_format **formats, size_t *count,
                                  smalti_error *error)
{
    for (char *word; (word = next_word(&text));) {
        if (*count == SMALTI__VARIANTS_MAX)
            return smalti__fail(error, SMALTI_E_LIMIT, "output.set has more than %d formats", SMALTI__VARIANTS_MAX);
        SMALTI__TRY(find_format("output.set: a format", word, &formats[(*count)++], error));
    }
    return SMALTI_OK;
}

/* "widths=320,640:formats=webp,avif", either part alone too. */
static smalti_result read_set(char *text, uint32_t *widths, size_t *width_count, const smalti__encoder_format **formats,
                              size_t *format_count, smalti_error *error)
{
    for (char *part = text; part;) {
        char *colon = strchr(part, ':');
        if (colon)
            *colon = '\0';
        if (!strncmp(part, "widths=", 7))
            SMALTI__TRY(read_widths(part + 7, widths, width_count, error));
        else if (!strncmp(part, "formats=", 8))
            SMALTI__TRY(read_formats(part + 8, formats, format_count, error));
        else
            return smalti__fail(error, SMALTI_E_INVALID_KEY,
                                "output.set is like widths=320,640:formats=webp,avif, it has no \"%.32s\"", part);
        part = colon ? colon + 1 : NULL;
    }
    return SMALTI_OK;
}

static smalti_result make_variant(smalti__variant *variant, uint32_t width, const smalti__encoder_format *format,
                                  const smalti__step_env *env, smalti_error *error)
{
    char text[64];
    smalti__step step;
    variant->format = format;
    variant->width = width;
    if (!width)
        return SMALTI_OK;
    snprintf(text, sizeof text, "width=%u,enlarge=false", width);
    smalti__step_init(&step, smalti__step_kind_find("resize"));
    smalti_result result = smalti__step_parse(&step, text, error);
    if (result == SMALTI_OK)
        result = smalti__plan_steps(&step, 1, env, &variant->steps, error);
    variant->step_count = result == SMALTI_OK;
    smalti__step_clear(&step);
    return result;
}

static smalti_result make_set(smalti_plan *plan, const smalti__step_env *env, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    uint32_t widths[SMALTI__VARIANTS_MAX] = {0};
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {plan->variants[0].format};
    size_t width_count = 0, format_count = 0;
    if (settings->file)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "output.set makes several files: name a folder, not %s",
                            SMALTI__SHOWN(settings->file));
    if (plan->own_outputs)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "output.set makes several files: tasks cannot name their outputs beside it");
    SMALTI__CLEANUP_FREE char *text = strdup(settings->set);
    if (!text)
        return smalti__fail_nomem(error, strlen(settings->set) + 1);
    SMALTI__TRY(read_set(text, widths, &width_count, formats, &format_count, error));
    width_count = width_count ? width_count : 1;
    format_count = format_count ? format_count : 1;
    if (width_count * format_count > SMALTI__VARIANTS_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "output.set makes more than %d outputs", SMALTI__VARIANTS_MAX);
    free(plan->variants);
    plan->variant_count = 0;
    plan->variants = calloc(width_count * format_count, sizeof *plan->variants);
    if (!plan->variants)
        return smalti__fail_nomem(error, width_count * format_count * sizeof *plan->variants);
    for (size_t i = 0; i < width_count * format_count; i++)
        SMALTI__TRY(make_variant(&plan->variants[plan->variant_count++], widths[i / format_count],
                                 formats[i % format_count], env, error));
    return SMALTI_OK;
}

smalti_result smalti__plan_outputs(smalti_plan *plan, const smalti__step_env *env, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    plan->variants = calloc(1, sizeof *plan->variants);
    if (!plan->variants)
        return smalti__fail_nomem(error, sizeof *plan->variants);
    plan->variant_count = 1;
    if (settings->preset)
        SMALTI__TRY(apply_preset(plan, settings->preset, error));
    if (settings->format)
        SMALTI__TRY(find_format("output.format", settings->format, &plan->variants[0].format, error));
    if (settings->set)
        SMALTI__TRY(make_set(plan, env, error));
    return SMALTI_OK;
}
