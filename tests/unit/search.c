/* SPDX-License-Identifier: Apache-2.0
 * The encoder that looks for its own settings: what it promises is checked by encoding, decoding and scoring again. */
#include "encode/search.h"

#include <math.h>

#include "encode/search_model.h"
#include "score/score.h"
#include "test.h"

enum { WIDTH = 200, HEIGHT = 150, MOST_CHANNELS = 4 };

/* Waves, edges and grain. */
static smalti_image picture(uint32_t channels, bool opaque)
{
    static uint8_t pixels[2][WIDTH * HEIGHT * MOST_CHANNELS];
    static int turn;
    uint8_t *data = pixels[turn++ % 2];
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++)
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t grain = (x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u) * 2654435761u >> 28;
                double wave = 110 + 60 * sin(x * 0.05 + c) + 40 * cos(y * 0.07 - c);
                double edge = (x / 40 + y / 30) % 2 ? 20 : 0;
                bool alpha = channels % 2 == 0 && c + 1 == channels;
                data[(y * WIDTH + x) * channels + c] =
                    alpha ? (opaque || x < WIDTH / 2 ? 255 : (uint8_t)y) : (uint8_t)(wave + edge + grain);
            }
    return (smalti_image){WIDTH, HEIGHT, channels, SMALTI_SAMPLE_U8, WIDTH * channels, data};
}

typedef struct search_result {
    smalti_result result;
    smalti_error error;
    smalti__search_outcome outcome;
    uint8_t *data; /* owned; NULL on failure */
    size_t size;
    size_t peak_bytes;
    uint32_t warnings;
} search_result;

static void count_warning(void *user, const char *message)
{
    (void)message;
    ++*(uint32_t *)user;
}

static search_result search_in_groups(const smalti_image *image, const smalti__search_options *options,
                                      smalti__encode_params params, uint32_t group)
{
    search_result found = {.outcome = {0}};
    smalti__pool pool = {0};
    smalti__sink sink;
    smalti__encoder *encoder;
    params.pool = &pool;
    params.warn = count_warning;
    params.user = &found.warnings;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &found.error), found.error);
    const smalti__encoder seed = {.params = params,
                                  .sink = &sink,
                                  .width = image->width,
                                  .height = image->height,
                                  .channels = image->channels,
                                  .sample = image->sample};
    CHECK_OK(smalti__search_open(&seed, options, &encoder, &found.error), found.error);
    for (uint32_t y = 0; y < image->height; y += group)
        CHECK_OK(encoder->format->write(encoder, (const uint8_t *)image->data + y * image->pitch, image->pitch,
                                        image->height - y < group ? image->height - y : group, &found.error),
                 found.error);
    found.result = encoder->format->finish(encoder, &found.error);
    found.outcome = *smalti__search_outcome_of(encoder);
    encoder->format->close(encoder);
    if (found.result == SMALTI_OK)
        found.data = smalti__sink_take(&sink, &found.size);
    else
        CHECK(sink.bytes == 0);
    smalti__sink_close(&sink);
    found.peak_bytes = pool.peak_used_bytes;
    CHECK_INT(pool.used_bytes, 0);
    smalti__pool_trim(&pool, 0);
    return found;
}

static search_result search(const smalti_image *image, const smalti__search_options *options,
                            const smalti__encode_params *params)
{
    return search_in_groups(image, options, *params, 37);
}

/* The bytes that a format's own encoder makes. Owned: free(). */
static uint8_t *encode(const smalti_image *image, const smalti__encoder_format *format, uint32_t quality, size_t *size)
{
    smalti__sink sink;
    smalti__encoder *encoder;
    smalti_error error;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    const smalti__encoder seed = {.format = format,
                                  .params = {.quality = quality, .avif_effort = 1, .webp_effort = 1},
                                  .sink = &sink,
                                  .width = image->width,
                                  .height = image->height,
                                  .channels = image->channels,
                                  .sample = image->sample};
    CHECK_OK(format->open(&seed, &encoder, &error), error);
    CHECK_OK(format->write(encoder, image->data, image->pitch, image->height, &error), error);
    CHECK_OK(format->finish(encoder, &error), error);
    format->close(encoder);
    uint8_t *data = smalti__sink_take(&sink, size);
    smalti__sink_close(&sink);
    return data;
}

static const smalti__encode_params quick = {.avif_effort = 1, .webp_effort = 1};

static double score_of(const smalti_image *image, const uint8_t *data, size_t size)
{
    smalti_image back;
    smalti_error error;
    double score;
    CHECK_OK(smalti_image_read_memory(data, size, "result", &back, &error), error);
    CHECK_OK(smalti__score(image, &back, NULL, &score, &error), error);
    smalti_image_free(&back);
    return score;
}

static double score_at(const smalti_image *image, const smalti__encoder_format *format, uint32_t quality)
{
    size_t size;
    uint8_t *data = encode(image, format, quality, &size);
    double score = score_of(image, data, size);
    free(data);
    return score;
}

static size_t size_at(const smalti_image *image, const smalti__encoder_format *format, uint32_t quality)
{
    size_t size;
    free(encode(image, format, quality, &size));
    return size;
}

TEST("a limit of bytes gets the highest quality that fits, in at most eight encodings")
{
    smalti_image image = picture(3, true);
    for (uint32_t quality = 3; quality < 100; quality += 12) {
        size_t limit = size_at(&image, &smalti__encoder_jpeg, quality) + 20;
        smalti__search_options options = {
            .candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .max_bytes = limit};
        search_result found = search(&image, &options, &quick);
        CHECK_OK(found.result, found.error);
        CHECK(found.size <= limit && found.outcome.bytes == found.size && found.outcome.encodes <= 8);
        CHECK_INT(size_at(&image, &smalti__encoder_jpeg, found.outcome.quality), found.size);
        if ((double)found.size < 0.99 * (double)limit)
            CHECK(size_at(&image, &smalti__encoder_jpeg, found.outcome.quality + 1) > limit);
        CHECK(isnan(found.outcome.score) && found.outcome.scores == 0);
        free(found.data);
    }
}

TEST("a limit that the lowest quality exceeds is an error that names the smallest size")
{
    smalti_image image = picture(3, true);
    size_t smallest = size_at(&image, &smalti__encoder_jpeg, 1);
    smalti__search_options options = {
        .candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .max_bytes = smallest - 1};
    search_result found = search(&image, &options, &quick);
    CHECK_INT(found.result, SMALTI_E_LIMIT);
    char text[64];
    snprintf(text, sizeof text, "does not fit %zu bytes: the smallest is %zu, jpeg at quality ", smallest - 1,
             smallest);
    CHECK_HAS(found.error.message, text);
    CHECK(found.outcome.encodes <= 8);
    options.max_bytes = 100; /* far below: encodings are given up early */
    found = search(&image, &options, &quick);
    CHECK_INT(found.result, SMALTI_E_LIMIT);
    CHECK_HAS(found.error.message, "100 bytes");
}

TEST("qualities stay inside the range that is given")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg},
                                      .candidate_count = 1,
                                      .max_bytes = 1 << 20,
                                      .least_quality = 20,
                                      .most_quality = 70};
    search_result found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK_INT(found.outcome.quality, 70);
    free(found.data);
    options.max_bytes = size_at(&image, &smalti__encoder_jpeg, 20) - 1;
    found = search(&image, &options, &quick);
    CHECK_INT(found.result, SMALTI_E_LIMIT);
    CHECK_HAS(found.error.message, "at quality 20");
}

TEST("a target gets the lowest quality that reaches it, and says the score that the result has")
{
    smalti_image image = picture(3, true);
    for (double target = 10; target < 90; target += 13) {
        smalti__search_options options = {
            .candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .target_score = target};
        search_result found = search(&image, &options, &quick);
        CHECK_OK(found.result, found.error);
        CHECK(found.outcome.score >= target && found.outcome.encodes <= 8);
        CHECK(fabs(found.outcome.score - score_of(&image, found.data, found.size)) < 1e-9);
        if (found.outcome.score >= target + 0.2 && found.outcome.encodes < 8)
            CHECK(score_at(&image, &smalti__encoder_jpeg, found.outcome.quality - 1) < target);
        free(found.data);
    }
}

TEST("a target beyond reach gets the highest quality")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = {
        .candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .target_score = 99.9, .most_quality = 60};
    search_result found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK_INT(found.outcome.quality, 60);
    CHECK(found.outcome.score < 99.9);
    free(found.data);
}

TEST("bytes weigh more than a target")
{
    smalti_image image = picture(3, true);
    size_t limit = size_at(&image, &smalti__encoder_jpeg, 30);
    smalti__search_options options = {
        .candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .target_score = 85, .max_bytes = limit};
    search_result found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK(found.size <= limit && found.outcome.score < 85 && found.outcome.quality >= 28);
    free(found.data);
}

TEST("without a wish one format gets its own encoder's bytes, and a score only when it is asked for")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg}, .candidate_count = 1};
    smalti__encode_params params = quick;
    params.quality = 77;
    size_t size;
    uint8_t *expected = encode(&image, &smalti__encoder_jpeg, 77, &size);
    for (int score = 0; score < 2; score++) {
        options.score = score;
        search_result found = search(&image, &options, &params);
        CHECK_OK(found.result, found.error);
        CHECK(found.size == size && !memcmp(found.data, expected, size));
        CHECK(found.outcome.quality == 77 && found.outcome.encodes == 1 && isnan(found.outcome.score) == !score);
        free(found.data);
    }
    free(expected);
}

/* JPEG, and what else is here. */
static smalti__search_options all_lossy(void)
{
    smalti__search_options options = {.candidate_count = 0};
    static const char *const names[] = {"jpeg", "webp", "avif"};
    for (size_t i = 0; i < SMALTI__COUNT(names); i++) {
        const smalti__encoder_format *format = smalti__encoder_find(names[i]);
        if (format)
            options.candidates[options.candidate_count++] = format;
    }
    return options;
}

TEST("of several formats the smallest that reaches the target wins, in any order")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = all_lossy();
    options.target_score = 60;
    size_t smallest = SIZE_MAX;
    for (uint32_t i = 0; i < options.candidate_count; i++) {
        smalti__search_options alone = {
            .candidates = {options.candidates[i]}, .candidate_count = 1, .target_score = 60};
        search_result found = search(&image, &alone, &quick);
        CHECK_OK(found.result, found.error);
        smallest = found.size < smallest ? found.size : smallest;
        free(found.data);
    }
    for (int turn = 0; turn < 2; turn++) {
        search_result found = search(&image, &options, &quick);
        CHECK_OK(found.result, found.error);
        CHECK(found.outcome.score >= 60);
        /* a format may be left at another of its qualities when its trials are cut short by the best one's size */
        CHECK((double)found.size <= 1.05 * (double)smallest);
        free(found.data);
        const smalti__encoder_format *first = options.candidates[0];
        options.candidates[0] = options.candidates[options.candidate_count - 1];
        options.candidates[options.candidate_count - 1] = first;
    }
}

TEST("of several formats within a limit the best looking one wins; without any wish the smallest that looks alike")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = all_lossy();
    options.max_bytes = size_at(&image, &smalti__encoder_jpeg, 40);
    double best = -1000;
    for (uint32_t i = 0; i < options.candidate_count; i++) {
        smalti__search_options alone = {
            .candidates = {options.candidates[i]}, .candidate_count = 1, .max_bytes = options.max_bytes, .score = true};
        search_result found = search(&image, &alone, &quick);
        CHECK_OK(found.result, found.error);
        best = fmax(best, found.outcome.score);
        free(found.data);
    }
    search_result found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK(found.size <= options.max_bytes && found.outcome.score == best);
    free(found.data);

    options.max_bytes = 0;
    found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK_INT(found.outcome.encodes, options.candidate_count);
    CHECK(found.size <= size_at(&image, &smalti__encoder_jpeg, 80));
    free(found.data);
}

TEST("PNG gives way in effort and then in colours")
{
    smalti_image image = picture(3, true);
    smalti__encode_params params = {.png_effort = 1};
    size_t whole = size_at(&image, &smalti__encoder_png, 0);
    smalti__search_options options = {
        .candidates = {&smalti__encoder_png}, .candidate_count = 1, .max_bytes = whole / 3};
    search_result found = search(&image, &options, &params);
    CHECK_OK(found.result, found.error);
    CHECK(found.size <= whole / 3 && found.outcome.colors >= 2 && found.outcome.colors <= 256);
    CHECK(found.outcome.quality == 0 && found.outcome.encodes <= 9);
    double score = score_of(&image, found.data, found.size);
    CHECK(score > -200 && score < 100);
    free(found.data);
    options.max_bytes = 2 * whole;
    found = search(&image, &options, &params);
    CHECK_OK(found.result, found.error);
    CHECK(found.outcome.colors == 0 && found.outcome.encodes == 1);
    CHECK(score_of(&image, found.data, found.size) == 100);
    free(found.data);
    options.max_bytes = 60;
    found = search(&image, &options, &params);
    CHECK_INT(found.result, SMALTI_E_LIMIT);
}

TEST("formats without alpha are left out of an image that needs it; alpha that hides nothing is dropped")
{
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg, &smalti__encoder_png},
                                      .candidate_count = 2};
    smalti_image image = picture(4, false);
    search_result found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK(found.outcome.format == &smalti__encoder_png && found.outcome.encodes == 1);
    free(found.data);

    image = picture(4, true);
    found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK(found.outcome.format == &smalti__encoder_jpeg);
    free(found.data);
    options.candidates[0] = &smalti__encoder_png;
    options.candidate_count = 1;
    found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    smalti_info info;
    CHECK_OK(smalti_info_read_memory(found.data, found.size, "result", &info, &found.error), found.error);
    CHECK_INT(info.channels, 3);
    free(found.data);

    image = picture(4, false); /* alone, a format without alpha takes the background */
    options.candidates[0] = &smalti__encoder_jpeg;
    options.target_score = 50;
    found = search(&image, &options, &quick);
    CHECK_OK(found.result, found.error);
    CHECK(found.outcome.score >= 50);
    free(found.data);
}

TEST("a stop ends the search, before an encoding too")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .target_score = 50};
    smalti__encode_params params = quick;
    const int cancelled = 1;
    const smalti__stop stop = {.cancelled = &cancelled}, late = {.deadline_ns = 1, .limit_ms = 1};
    params.stop = &stop;
    search_result found = search(&image, &options, &params);
    CHECK_INT(found.result, SMALTI_E_CANCELLED);
    CHECK_INT(found.outcome.encodes, 0);
    params.stop = &late;
    found = search(&image, &options, &params);
    CHECK_INT(found.result, SMALTI_E_LIMIT_TIME);
}

TEST("a warning is said once, of the result")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg}, .candidate_count = 1, .target_score = 60};
    smalti__metadata metadata = {.exif = {calloc(1, 80000), 80000}};
    smalti__encode_params params = quick;
    params.metadata = &metadata;
    search_result found = search(&image, &options, &params);
    CHECK_OK(found.result, found.error);
    CHECK(found.outcome.encodes > 1);
    CHECK_INT(found.warnings, 1);
    free(found.data);
    smalti__metadata_clear(&metadata);
}

TEST("the result does not depend on how rows are grouped, and memory stays below what was said")
{
    smalti_image image = picture(3, true);
    smalti__search_options options = all_lossy();
    options.target_score = 70;
    search_result whole = search_in_groups(&image, &options, quick, HEIGHT),
                  single = search_in_groups(&image, &options, quick, 1);
    CHECK_OK(whole.result, whole.error);
    CHECK_OK(single.result, single.error);
    CHECK(whole.size == single.size && !memcmp(whole.data, single.data, whole.size));
    CHECK(whole.peak_bytes <= smalti__search_work_bytes(WIDTH, HEIGHT, 3, SMALTI_SAMPLE_U8, &quick, &options));
    free(whole.data), free(single.data);
}

TEST("expectations rise with quality, and JPEG's 80 is matched by what looks alike")
{
    static const char *const names[] = {"jpeg", "webp", "avif"};
    for (size_t i = 0; i < SMALTI__COUNT(names); i++) {
        const smalti__search_model *model = smalti__search_model_of(names[i]);
        CHECK(model);
        for (uint32_t quality = 1; quality < 100; quality++) {
            CHECK(smalti__search_expect_score(model, quality) < smalti__search_expect_score(model, quality + 1));
            CHECK(smalti__search_expect_bits(model, quality) < smalti__search_expect_bits(model, quality + 1));
        }
        uint32_t matched = smalti__search_match(model, 80);
        CHECK(smalti__search_expect_score(model, matched) >=
              smalti__search_expect_score(smalti__search_model_of("jpeg"), 80));
        CHECK(matched >= 50 && matched <= 90);
    }
    CHECK(!smalti__search_model_of("png"));
}

TEST("a bracket closes in on every boundary, whatever lies between the values")
{
    const smalti__search_model *model = smalti__search_model_of("jpeg");
    for (uint32_t boundary = 1; boundary <= 101; boundary++)
        for (int shape = 0; shape < 3; shape++) {
            smalti__search_bracket bracket = {
                .expect = smalti__search_expect_score, .model = model, .wanted = 50, .low = 0, .high = 101};
            uint32_t steps = 0;
            while (!smalti__search_done(&bracket) && steps < 101) {
                uint32_t quality = smalti__search_next(&bracket);
                double distance = (double)quality - boundary;
                CHECK(quality > bracket.low && quality < bracket.high);
                double value = shape == 0      ? 50 + distance
                               : shape == 1    ? 50 + distance * distance * distance / 1000
                               : distance >= 0 ? (double)NAN
                                               : 49;
                smalti__search_seen(&bracket, quality, value);
                steps++;
            }
            CHECK_INT(bracket.high, boundary);
            if (shape == 0)
                CHECK(steps <= 9);
        }
}

TEST("impossible wishes are refused")
{
    smalti__encoder *encoder = NULL;
    smalti_error error;
    const smalti__encoder seed = {.width = 10, .height = 10, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    smalti__search_options options = {.candidates = {&smalti__encoder_jpeg}};
    CHECK_INT(smalti__search_open(&seed, &options, &encoder, &error), SMALTI_E_INVALID);
    options.candidate_count = 1;
    options.least_quality = 50, options.most_quality = 40;
    CHECK_INT(smalti__search_open(&seed, &options, &encoder, &error), SMALTI_E_INVALID_RANGE);
    options.least_quality = 0, options.target_score = 101;
    CHECK_INT(smalti__search_open(&seed, &options, &encoder, &error), SMALTI_E_INVALID_RANGE);
    CHECK(!encoder);
}
