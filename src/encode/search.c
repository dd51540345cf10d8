/* SPDX-License-Identifier: Apache-2.0
 * The search: which trials of which formats, and which of them wins. */
#include "encode/search.h"

#include <math.h>

#include "encode/search_model.h"
#include "encode/search_trial.h"

/* Near enough to stop before the last bit of quality: a hundredth of the bytes, a fifth of a point. */
static const double enough_bytes = 0.99, enough_score = 0.2;

typedef struct search {
    smalti__encoder base; /* first */
    smalti__search_options options;
    smalti__search_frame frame;
    smalti__search_outcome outcome;
    smalti__trial best;       /* of the formats before; data NULL: none */
    smalti__trial kept;       /* of the format under way; the same */
    size_t smallest;          /* of all that were too large */
    uint32_t smallest_quality;
    const smalti__encoder_format *smallest_format;
} search;

static const smalti__encoder_format search_format;

/* ---- opening and writing ---- */

static size_t frame_pitch(const smalti__encoder *seed)
{
    return smalti__align((size_t)seed->width * seed->channels * smalti_sample_bytes(seed->sample), 64);
}

static size_t strip_bytes(uint32_t width)
{
    return (size_t)width * 16 * SMALTI__SEARCH_ROWS * 2 + 64 * SMALTI__SEARCH_ROWS;
}

static void search_close(smalti__encoder *encoder)
{
    search *self = (search *)encoder;
    smalti__trial_clear(&self->best);
    smalti__trial_clear(&self->kept);
    smalti__pool_put(encoder->params.pool, self->frame.data);
    smalti__pool_put(encoder->params.pool, self->frame.strip);
    free(self);
}

smalti_result smalti__search_open(const smalti__encoder *seed, const smalti__search_options *options,
                                  smalti__encoder **encoder, smalti_error *error)
{
    size_t bytes;
    if (!options->candidate_count || options->candidate_count > SMALTI__SEARCH_CANDIDATES)
        return smalti__fail(error, SMALTI_E_INVALID, "a search among %u formats cannot be", options->candidate_count);
    if (options->least_quality > 100 || options->most_quality > 100 || options->target_score > 100 ||
        (options->most_quality && options->least_quality > options->most_quality))
        return smalti__fail(error, SMALTI_E_INVALID_RANGE,
                            "qualities are 1 to 100, the least not above the most, and a score is at most 100");
    if (!smalti__mul(frame_pitch(seed), seed->height, &bytes))
        return smalti__fail(error, SMALTI_E_LIMIT, "the image is too large for memory");
    search *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    self->base.format = &search_format;
    self->options = *options;
    self->options.least_quality = options->least_quality ? options->least_quality : 1;
    self->options.most_quality = options->most_quality ? options->most_quality : 100;
    self->smallest = SIZE_MAX;
    self->frame = (smalti__search_frame){
        .shape = {seed->width, seed->height, seed->channels, seed->sample, false},
        .pitch = frame_pitch(seed),
        .data = smalti__pool_get(seed->params.pool, bytes),
        .strip = smalti__pool_get(seed->params.pool, strip_bytes(seed->width)),
        .background = self->options.background,
    };
    if (!self->frame.data || !self->frame.strip) {
        search_close(&self->base);
        return smalti__fail_nomem(error, bytes + strip_bytes(seed->width));
    }
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result search_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    search *self = (search *)encoder;
    const size_t bytes = encoder->width * smalti__pixel_bytes(&self->frame.shape);
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++, encoder->row++)
        memcpy(self->frame.data + encoder->row * self->frame.pitch, (const uint8_t *)rows + y * pitch, bytes);
    return SMALTI_OK;
}

/* ---- trials ---- */

static bool lossless(const search *self, const smalti__encoder_format *format)
{
    return self->base.params.lossless || !smalti__search_model_of(format->name);
}

/* More than this a trial need not become: what cannot win, or tells no more of how far it is. */
static size_t limit_of(const search *self)
{
    size_t limit = self->options.max_bytes ? self->options.max_bytes : SIZE_MAX;
    if (!smalti__mul(limit, 4, &limit))
        limit = SIZE_MAX;
    const double target = self->options.target_score;
    size_t best = SIZE_MAX;
    if (self->best.data && target > 0 && self->best.score >= target)
        best = self->best.size * 2; /* its score still says how far the format is */
    else if (self->best.data && !(target > 0) && !self->options.max_bytes)
        best = self->best.size;
    limit = best < limit ? best : limit;
    return limit == SIZE_MAX ? 0 : limit;
}

static smalti_result try_it(search *self, smalti__trial *trial, smalti_error *error)
{
    SMALTI__TRY(smalti__stop_check(self->base.params.stop, error));
    const uint64_t start = smalti__now_ns();
    smalti_result result = smalti__trial_encode(trial, &self->frame, limit_of(self), error);
    self->outcome.encode_ns += smalti__now_ns() - start;
    self->outcome.encodes++;
    if (result == SMALTI_OK && trial->size < self->smallest) {
        self->smallest = trial->size;
        self->smallest_quality = trial->params.quality;
        self->smallest_format = trial->format;
    }
    return result;
}

static smalti_result score_it(search *self, smalti__trial *trial, smalti_error *error)
{
    if (!isnan(trial->score))
        return SMALTI_OK;
    SMALTI__TRY(smalti__stop_check(self->base.params.stop, error));
    const uint64_t start = smalti__now_ns();
    smalti_result result = smalti__trial_score(trial, &self->frame, error);
    self->outcome.score_ns += smalti__now_ns() - start;
    self->outcome.scores++;
    return result;
}

/* Keeps a trial, or clears it. */
static void settle(search *self, smalti__trial *trial, bool keep)
{
    if (keep && trial->data) {
        smalti__trial_clear(&self->kept);
        self->kept = *trial;
        trial->data = NULL;
    }
    smalti__trial_clear(trial);
}

static bool fits(const search *self, size_t size)
{
    return !self->options.max_bytes || size <= self->options.max_bytes;
}

static smalti__trial trial_of(const search *self, const smalti__encoder_format *format)
{
    smalti__trial trial = {.params = self->base.params, .format = format, .score = NAN};
    trial.params.animation = false;
    return trial;
}

/* ---- formats with a quality ---- */

/* What was seen of a format: sizes by quality, so that a limit of bytes behind a target begins with what is known. */
typedef struct search_sizes {
    uint32_t count, quality[2 * SMALTI__SEARCH_TRIALS];
    double bits[2 * SMALTI__SEARCH_TRIALS];
} search_sizes;

static double bits_of(const search *self, size_t size)
{
    return size == SIZE_MAX ? NAN : log2(8.0 * (double)size / ((double)self->base.width * self->base.height));
}

static smalti_result try_quality(search *self, const smalti__encoder_format *format, uint32_t quality,
                                 search_sizes *sizes, smalti__trial *trial, smalti_error *error)
{
    *trial = trial_of(self, format);
    trial->params.quality = quality;
    SMALTI__TRY(try_it(self, trial, error));
    sizes->quality[sizes->count] = quality;
    sizes->bits[sizes->count++] = bits_of(self, trial->size);
    return SMALTI_OK;
}

/* The lowest quality that reaches the target; the highest of all when none does. */
static smalti_result reach_target(search *self, const smalti__encoder_format *format, const smalti__search_model *model,
                                  search_sizes *sizes, smalti_error *error)
{
    const double target = self->options.target_score;
    smalti__search_bracket bracket = {.expect = smalti__search_expect_score,
                                      .model = model,
                                      .wanted = target,
                                      .low = self->options.least_quality - 1,
                                      .high = self->options.most_quality + 1};
    while (!smalti__search_done(&bracket) && sizes->count < SMALTI__SEARCH_TRIALS) {
        smalti__trial trial;
        uint32_t quality = smalti__search_next(&bracket);
        smalti_result result = try_quality(self, format, quality, sizes, &trial, error);
        if (result == SMALTI_OK && trial.data)
            result = score_it(self, &trial, error);
        if (result < 0) {
            smalti__trial_clear(&trial);
            return result;
        }
        const double score = trial.score;
        const bool lost = self->best.score >= target && trial.size >= self->best.size && score < target;
        const bool reaches = score >= target, kept_reaches = self->kept.data && self->kept.score >= target;
        smalti__search_seen(&bracket, quality, score);
        /* a lower quality, once one reaches it; until then the highest */
        settle(self, &trial, reaches || (!kept_reaches && (!self->kept.data || quality > self->kept.params.quality)));
        /* what is larger than the best one before it reaches the target is larger still when it does */
        if ((reaches && score < target + enough_score) || lost)
            break;
    }
    return SMALTI_OK;
}

/* The highest quality that fits, below one that is known not to. */
static smalti_result reach_size(search *self, const smalti__encoder_format *format, const smalti__search_model *model,
                                uint32_t most, search_sizes *sizes, smalti_error *error)
{
    const size_t max_bytes = self->options.max_bytes;
    smalti__search_bracket bracket = {.expect = smalti__search_expect_bits,
                                      .model = model,
                                      .wanted = bits_of(self, max_bytes) + 1e-9,
                                      .low = self->options.least_quality - 1,
                                      .high = most + 1};
    smalti__trial_clear(&self->kept);
    for (uint32_t i = 0; i < sizes->count; i++)
        if (sizes->quality[i] > bracket.low && sizes->quality[i] < bracket.high && sizes->bits[i] >= bracket.wanted)
            smalti__search_seen(&bracket, sizes->quality[i], sizes->bits[i]);
    uint32_t trials = 0;
    while (!smalti__search_done(&bracket)) {
        smalti__trial trial;
        uint32_t quality = smalti__search_next(&bracket);
        if (++trials == SMALTI__SEARCH_TRIALS) { /* the last one has to fit */
            if (self->kept.data)
                break;
            quality = bracket.low + 1;
        } else if (quality > bracket.low + 1 && bracket.high_seen && !self->kept.data && trials > 1) {
            quality--; /* sooner below than above: only what fits can be taken */
        }
        SMALTI__TRY(try_quality(self, format, quality, sizes, &trial, error));
        const bool good = fits(self, trial.size);
        smalti__search_seen(&bracket, quality,
                            good ? fmin(bits_of(self, trial.size), bracket.wanted - 1e-9) : bits_of(self, trial.size));
        const bool enough = good && (double)trial.size >= enough_bytes * (double)max_bytes;
        settle(self, &trial, good);
        if (enough || trials == SMALTI__SEARCH_TRIALS)
            break;
    }
    return SMALTI_OK;
}

static uint32_t plain_quality(const search *self, const smalti__search_model *model)
{
    uint32_t quality = self->base.params.quality;
    if (self->options.candidate_count > 1)
        quality = smalti__search_match(model, quality ? quality : 80);
    return quality;
}

static smalti_result search_quality(search *self, const smalti__encoder_format *format,
                                    const smalti__search_model *model, smalti_error *error)
{
    search_sizes sizes = {0};
    uint32_t most = self->options.most_quality;
    if (self->options.target_score > 0) {
        SMALTI__TRY(reach_target(self, format, model, &sizes, error));
        if (self->kept.data && fits(self, self->kept.size))
            return SMALTI_OK;
        if (!self->options.max_bytes)
            return SMALTI_OK;
        if (self->kept.data)
            most = self->kept.params.quality - 1;
    }
    if (self->options.max_bytes)
        return most < self->options.least_quality ? SMALTI_OK : reach_size(self, format, model, most, &sizes, error);
    smalti__trial trial;
    SMALTI__TRY(try_quality(self, format, plain_quality(self, model), &sizes, &trial, error));
    settle(self, &trial, true);
    return SMALTI_OK;
}

/* ---- formats without ---- */

/* PNG: what makes it smaller, one behind the other; the colours, from the first of them on, by halves. */
static smalti_result search_colors(search *self, const smalti__encoder_format *format, smalti_error *error)
{
    uint32_t colors = 0;
    for (uint32_t trials = 0; trials < SMALTI__SEARCH_TRIALS; trials++) {
        smalti__trial trial = trial_of(self, format);
        trial.params.png_effort = 9;
        trial.params.colors = colors;
        SMALTI__TRY(try_it(self, &trial, error));
        const bool good = fits(self, trial.size);
        settle(self, &trial, good);
        if (good)
            break;
        colors = colors ? colors / 2 : 256;
        if (self->base.params.colors && colors > self->base.params.colors)
            colors = self->base.params.colors;
    }
    return SMALTI_OK;
}

static smalti_result search_lossless(search *self, const smalti__encoder_format *format, smalti_error *error)
{
    smalti__trial trial = trial_of(self, format);
    const bool png = format == &smalti__encoder_png;
    SMALTI__TRY(try_it(self, &trial, error));
    const bool good = fits(self, trial.size);
    settle(self, &trial, good);
    return good || !png ? SMALTI_OK : search_colors(self, format, error);
}

/* ---- the winner ---- */

/* Whether the format under way is the better one. */
static bool better(const search *self)
{
    const smalti__trial *kept = &self->kept, *best = &self->best;
    const double target = self->options.target_score;
    if (!best->data || !kept->data)
        return kept->data;
    if (target > 0 && (kept->score >= target) != (best->score >= target))
        return kept->score >= target;
    const bool by_score = target > 0 ? kept->score < target : self->options.max_bytes > 0;
    if (by_score && kept->score != best->score)
        return kept->score > best->score;
    return kept->size < best->size;
}

/* Whether a format can hold the image, and its alpha where there is one that can. */
static bool holds(const search *self, const smalti__encoder_format *format, bool alpha)
{
    smalti__shape shape;
    return smalti__trial_shape(&self->frame, format, &shape, NULL) == SMALTI_OK &&
           (!alpha || self->frame.opaque || shape.channels % 2 == 0);
}

static smalti_result try_format(search *self, const smalti__encoder_format *format, smalti_error *error)
{
    const bool many = self->options.candidate_count > 1;
    SMALTI__TRY(lossless(self, format) ? search_lossless(self, format, error)
                                       : search_quality(self, format, smalti__search_model_of(format->name), error));
    if (self->kept.data && (self->options.target_score > 0 || (many && self->options.max_bytes) || self->options.score))
        SMALTI__TRY(score_it(self, &self->kept, error));
    if (better(self)) {
        smalti__trial_clear(&self->best);
        self->best = self->kept;
        self->kept.data = NULL;
    }
    smalti__trial_clear(&self->kept);
    return SMALTI_OK;
}

static smalti_result fail_size(const search *self, smalti_error *error)
{
    if (self->smallest == SIZE_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "the output is far larger than %zu bytes", self->options.max_bytes);
    char quality[32] = "";
    if (!lossless(self, self->smallest_format))
        snprintf(quality, sizeof quality, " at quality %u", self->smallest_quality);
    return smalti__fail(error, SMALTI_E_LIMIT, "does not fit %zu bytes: the smallest is %zu, %s%s",
                        self->options.max_bytes, self->smallest, self->smallest_format->name, quality);
}

static smalti_result write_best(search *self, smalti_error *error)
{
    const smalti__trial *best = &self->best;
    const smalti__encode_params *params = &self->base.params;
    for (uint32_t i = 0; i < best->note_count && params->warn; i++)
        params->warn(params->user, best->notes[i]);
    self->outcome.format = best->format;
    self->outcome.quality = lossless(self, best->format) ? 0 : best->params.quality;
    self->outcome.colors = best->params.colors;
    self->outcome.score = best->score;
    self->outcome.bytes = best->size;
    return smalti__sink_write(self->base.sink, best->data, best->size, error);
}

static smalti_result search_finish(smalti__encoder *encoder, smalti_error *error)
{
    search *self = (search *)encoder;
    const smalti__search_options *options = &self->options;
    bool alpha = false, any = false;
    if (encoder->row != encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "%u rows instead of %u", encoder->row, encoder->height);
    self->frame.opaque = smalti__search_opaque(&self->frame);
    for (uint32_t i = 0; i < options->candidate_count; i++)
        alpha |= !self->frame.opaque && holds(self, options->candidates[i], true);
    for (uint32_t i = 0; i < options->candidate_count; i++)
        if (holds(self, options->candidates[i], alpha)) {
            any = true;
            SMALTI__TRY(try_format(self, options->candidates[i], error));
        }
    if (!any) {
        smalti__shape shape;
        return smalti__trial_shape(&self->frame, options->candidates[0], &shape, error);
    }
    return self->best.data ? write_best(self, error) : fail_size(self, error);
}

static const smalti__encoder_format search_format = {
    .name = "search", .write = search_write, .finish = search_finish, .close = search_close};

const smalti__search_outcome *smalti__search_outcome_of(const smalti__encoder *encoder)
{
    return &((const search *)encoder)->outcome;
}

size_t smalti__search_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                                 const smalti__encode_params *params, const smalti__search_options *options)
{
    const smalti__encoder seed = {.width = width, .height = height, .channels = channels, .sample = sample};
    const size_t frame = frame_pitch(&seed) * height;
    size_t encoder = 0, output = frame + frame / 8 + (64u << 10);
    for (uint32_t i = 0; i < options->candidate_count; i++) {
        const smalti__encoder_format *format = options->candidates[i];
        smalti__shape shape = {width, height, channels, sample, false};
        if (smalti__encoder_fit(format, &shape, NULL) < 0)
            continue;
        size_t bytes = format->work_bytes(width, height, shape.channels, shape.sample, params);
        encoder = bytes > encoder ? bytes : encoder;
    }
    if (options->max_bytes && options->max_bytes < output / 4)
        output = 4 * options->max_bytes;
    const size_t score = smalti__trial_score_bytes(width, height);
    /* the best, the kept, and one that grows by doubling */
    return sizeof(search) + frame + strip_bytes(width) + 4 * output + (encoder > score ? encoder : score);
}
