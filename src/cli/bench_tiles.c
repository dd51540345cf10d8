/* SPDX-License-Identifier: Apache-2.0
 * The classic ways to put WebAssembly over an image: tiles that go through a WASI command's standard input and output, as
 * PNG files on disk (naive) or in memory, or as raw pixels. The command gets a fresh instance for every tile, as a
 * process would be. Every byte that is moved is counted where it is moved. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>

enum { TILE = 256, MAX_PARAMS = 4, MAX_OUTPUT = 2 * TILE * TILE * 4 };

/* What stands before raw pixels in both directions; bench/wasi/command.c reads the same. */
typedef struct message {
    uint32_t width, height, channels, dst_channels, sample, param_count;
    double params[MAX_PARAMS];
} message;

typedef enum tile_stage { CUT, FILTERED, STAGES } tile_stage;

/* An encoded tile between two stages. */
typedef struct kept_tile {
    void *data; /* owned */
    size_t size;
} kept_tile;

typedef struct tile_job {
    const bench_work *work;
    const smalti_kernel_info *info;
    const char *folder; /* for tiles; NULL: they stay in memory */
    uint64_t *copied;
    smalti_image source, result;
    uint32_t columns, count;
    kept_tile *kept[STAGES]; /* count each; owned */
} tile_job;

static size_t row_bytes(const smalti_image *image)
{
    return (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
}

/* A view of a tile's pixels in the whole image. */
static smalti_image tile_of(const tile_job *job, const smalti_image *image, uint32_t index)
{
    uint32_t x = index % job->columns * TILE, y = index / job->columns * TILE;
    smalti_image tile = *image;
    tile.width = image->width - x < TILE ? image->width - x : TILE;
    tile.height = image->height - y < TILE ? image->height - y : TILE;
    tile.data = (char *)image->data + y * image->pitch + x * image->channels * smalti_sample_bytes(image->sample);
    return tile;
}

/* Both are of the same size and kind. */
static void copy_pixels(const tile_job *job, const smalti_image *from, const smalti_image *to)
{
    size_t row = row_bytes(to);
    for (uint32_t y = 0; y < to->height; y++)
        memcpy((char *)to->data + y * to->pitch, (const char *)from->data + y * from->pitch, row);
    *job->copied += row * to->height;
}

/* ---- PNG tiles ---- */

static void tile_path(const tile_job *job, tile_stage stage, uint32_t index, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s/%s%06u.png", job->folder, stage == CUT ? "cut" : "filtered", index);
}

/* Puts a tile away for the next stage; data is taken in any case. */
static smalti_result keep(const tile_job *job, tile_stage stage, uint32_t index, void *data, size_t size,
                          smalti_error *error)
{
    if (!job->folder) {
        job->kept[stage][index] = (kept_tile){data, size};
        return SMALTI_OK;
    }
    char path[4200];
    tile_path(job, stage, index, path, sizeof path);
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, size, file) == size;
    good = file && fclose(file) == 0 && good;
    free(data);
    *job->copied += size;
    return good ? SMALTI_OK : cli_fail_errno(error, "%s: cannot write", path);
}

/* Gets it back; *data is owned on success. */
static smalti_result fetch(const tile_job *job, tile_stage stage, uint32_t index, char **data, size_t *size,
                           smalti_error *error)
{
    if (!job->folder) {
        kept_tile *tile = &job->kept[stage][index];
        *data = tile->data;
        *size = tile->size;
        tile->data = NULL;
        return SMALTI_OK;
    }
    char path[4200];
    tile_path(job, stage, index, path, sizeof path);
    smalti_result result = cli_read_file(path, MAX_OUTPUT, data, size, error);
    if (result == SMALTI_OK)
        *job->copied += *size;
    return result;
}

/* The encoder takes the pixels from where they are in the image: nothing is copied for that. */
static smalti_result cut(const tile_job *job, uint32_t index, smalti_error *error)
{
    const smalti_encode_options options = {.size = sizeof options, .format = "png", .png_effort = job->work->effort};
    const smalti_image tile = tile_of(job, &job->source, index);
    void *data;
    size_t size;
    smalti_result result = smalti_image_write_memory(&tile, &options, &data, &size, error);
    return result == SMALTI_OK ? keep(job, CUT, index, data, size, error) : result;
}

static smalti_result filter(const tile_job *job, uint32_t index, smalti_error *error)
{
    char words[1 + MAX_PARAMS][32], *input;
    const char *args[MAX_PARAMS + 3] = {"classic", words[0]};
    void *output;
    size_t input_size, output_size;
    snprintf(words[0], sizeof words[0], "%u", job->result.channels);
    for (uint32_t i = 0; i < job->info->param_count && i < MAX_PARAMS; i++) {
        snprintf(words[i + 1], sizeof words[0], "%.17g", job->info->params[i].def);
        args[i + 2] = words[i + 1];
    }
    smalti_result result = fetch(job, CUT, index, &input, &input_size, error);
    if (result < 0)
        return result;
    result =
        smalti_kernel_command(job->work->classic, args, input, input_size, MAX_OUTPUT, &output, &output_size, error);
    free(input);
    if (result < 0)
        return result;
    *job->copied += input_size + output_size; /* into the module's memory and out of it */
    return keep(job, FILTERED, index, output, output_size, error);
}

static smalti_result join(const tile_job *job, uint32_t index, smalti_error *error)
{
    const smalti_image to = tile_of(job, &job->result, index);
    smalti_image tile = {0};
    char *data;
    size_t size;
    smalti_result result = fetch(job, FILTERED, index, &data, &size, error);
    if (result < 0)
        return result;
    result = smalti_image_read_memory(data, size, "a filtered tile", &tile, error);
    free(data);
    if (result == SMALTI_OK && (tile.width != to.width || tile.height != to.height || tile.channels != to.channels ||
                                tile.sample != to.sample))
        result = cli_fail(error, SMALTI_E_KERNEL, "the WASI command gave an image of another size or kind");
    if (result == SMALTI_OK)
        copy_pixels(job, &tile, &to);
    smalti_image_free(&tile);
    return result;
}

/* ---- Raw tiles ---- */

/* Header and pixels as the command reads them, cut out of the image; *data is owned on success. */
static smalti_result pack(const tile_job *job, uint32_t index, void **data, size_t *size, smalti_error *error)
{
    const smalti_image tile = tile_of(job, &job->source, index);
    message head = {.width = tile.width,
                    .height = tile.height,
                    .channels = tile.channels,
                    .dst_channels = job->result.channels,
                    .sample = (uint32_t)tile.sample,
                    .param_count = job->info->param_count};
    for (uint32_t i = 0; i < job->info->param_count && i < MAX_PARAMS; i++)
        head.params[i] = job->info->params[i].def;
    smalti_image packed = tile;
    packed.pitch = row_bytes(&tile);
    *size = sizeof head + packed.pitch * packed.height;
    *data = malloc(*size);
    if (!*data)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a tile");
    memcpy(*data, &head, sizeof head);
    packed.data = (char *)*data + sizeof head;
    copy_pixels(job, &tile, &packed);
    return SMALTI_OK;
}

static smalti_result raw(const tile_job *job, uint32_t index, smalti_error *error)
{
    const smalti_image to = tile_of(job, &job->result, index);
    smalti_image filtered = to;
    void *input, *output;
    size_t input_size, output_size;
    filtered.pitch = row_bytes(&to);
    smalti_result result = pack(job, index, &input, &input_size, error);
    if (result < 0)
        return result;
    result = smalti_kernel_command(job->work->raw, NULL, input, input_size, MAX_OUTPUT, &output, &output_size, error);
    free(input);
    if (result < 0)
        return result;
    *job->copied += input_size + output_size; /* into the module's memory and out of it */
    if (output_size == sizeof(message) + filtered.pitch * filtered.height) {
        filtered.data = (char *)output + sizeof(message);
        copy_pixels(job, &filtered, &to);
    } else {
        result = cli_fail(error, SMALTI_E_KERNEL, "the WASI command gave %zu bytes for a tile", output_size);
    }
    free(output);
    return result;
}

/* ---- An image ---- */

typedef smalti_result tile_step(const tile_job *job, uint32_t index, smalti_error *error);

static smalti_result each_tile(const tile_job *job, tile_step *step, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    for (uint32_t i = 0; result == SMALTI_OK && i < job->count; i++)
        result = step(job, i, error);
    return result;
}

static smalti_result prepare(tile_job *job, const char *input, smalti_error *error)
{
    const smalti_image *source = &job->source;
    smalti_result result = smalti_image_read(input, &job->source, error);
    if (result < 0)
        return result;
    uint64_t rows = (source->height + (uint64_t)TILE - 1) / TILE;
    job->columns = (uint32_t)((source->width + (uint64_t)TILE - 1) / TILE);
    if (source->sample != SMALTI_SAMPLE_U8 || !job->info->output_channels[source->channels] ||
        rows * job->columns > INT32_MAX)
        return cli_fail(error, SMALTI_E_UNSUPPORTED, "%s: %s by tiles does not take such pixels", input,
                        job->work->filter);
    job->count = (uint32_t)rows * job->columns;
    job->result = (smalti_image){.width = source->width,
                                 .height = source->height,
                                 .channels = job->info->output_channels[source->channels],
                                 .sample = source->sample};
    for (tile_stage stage = 0; stage < STAGES; stage++)
        if (!(job->kept[stage] = calloc(job->count, sizeof *job->kept[stage])))
            return cli_fail(error, SMALTI_E_NOMEM, "no memory for %u tiles", job->count);
    return smalti_image_alloc(&job->result, error);
}

static void clear(tile_job *job)
{
    for (tile_stage stage = 0; stage < STAGES; stage++) {
        for (uint32_t i = 0; job->kept[stage] && i < job->count; i++)
            free(job->kept[stage][i].data);
        free(job->kept[stage]);
    }
    smalti_image_free(&job->source);
    smalti_image_free(&job->result);
}

smalti_result bench_image_by_tiles(const bench_work *work, bench_way way, const char *input, const char *folder,
                                   const char *output, uint64_t *copied, smalti_error *error)
{
    const smalti_encode_options options = {.size = sizeof options, .format = "png", .png_effort = work->effort};
    tile_job job = {.work = work,
                    .info = smalti_kernel_describe(work->kernel),
                    .folder = way == BENCH_NAIVE ? folder : NULL,
                    .copied = copied};
    smalti_result result = prepare(&job, input, error);
    if (result == SMALTI_OK && way == BENCH_RAW) {
        result = each_tile(&job, raw, error);
    } else if (result == SMALTI_OK) {
        tile_step *const steps[] = {cut, filter, join};
        for (size_t i = 0; result == SMALTI_OK && i < CLI_COUNT(steps); i++)
            result = each_tile(&job, steps[i], error);
    }
    if (result == SMALTI_OK)
        result = smalti_image_write(&job.result, output, &options, error);
    clear(&job);
    return result;
}
