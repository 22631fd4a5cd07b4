/* A libnvidia-ml.so.1 without a driver: it answers what the text file named in FAKE_NVML says, read anew at every call.
 *
 *   driver VERSION
 *   cuda NUMBER                                               13000 is 13.0
 *   gpu NAME;UUID;BUS;TOTAL;RESERVED;USED;CAPABILITY          sizes in MiB
 *   mode GPU NUMBER                                           compute mode: 2 prohibited, 3 exclusive
 *   virtual GPU NUMBER                                        virtualization mode: 2 vGPU
 *   joules GPU NUMBER                                         energy since the driver was loaded; without: not supported
 *   migmode GPU                                               MIG is on
 *   mig GPU;INSTANCE;UUID;NAME;TOTAL;USED                     a MIG device of that GPU instance
 *   proc GPU SORT PID MIB                                     SORT: C, G or M; MIB -1: not told
 *   migproc MIG PID MIB                                       MIG: which mig line, from 0
 *   name PID NAME
 *   link GPU GPU                                              NVLink between two
 *   fail FUNCTION CODE [GPU]                                  FUNCTION without its version
 *
 * Built with -DOLD_DRIVER it lacks the functions that drivers before 510 lack, and everything about MIG and links.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { GPUS = 16, MIGS = 16, PROCS = 64, FAULTS = 16, MIG_HANDLE = 1000 };

typedef unsigned long long Bytes;
typedef void *Device;
typedef struct { Bytes total, free, used; } Memory;
typedef struct { unsigned version; Bytes total, reserved, free, used; } MemoryV2;
typedef struct { unsigned pid; Bytes used; unsigned instance, compute; } Process;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } Pci;

static struct { char name[96], uuid[96], bus[32], capability[16]; Bytes total, reserved, used; int mig, mode, virtual; long long joules; } gpus[GPUS];
static struct { int gpu, instance; char uuid[96], name[96]; Bytes total, used; } migs[MIGS];
static struct { int gpu, mig; char sort; unsigned pid; long long used; } procs[PROCS];
static struct { unsigned pid; char name[96]; } names[PROCS];
static struct { char function[64]; int code, gpu; } faults[FAULTS];
static int links[PROCS][2];
static int gpu_count, mig_count, proc_count, name_count, fault_count, link_count, cuda, open_count;
static char driver[64];

static void line_of_file(const char *line) {
    if (gpu_count < GPUS && sscanf(line, "gpu %95[^;];%95[^;];%31[^;];%llu;%llu;%llu;%15s", gpus[gpu_count].name,
            gpus[gpu_count].uuid, gpus[gpu_count].bus, &gpus[gpu_count].total, &gpus[gpu_count].reserved,
            &gpus[gpu_count].used, gpus[gpu_count].capability) == 7)
        gpus[gpu_count].mig = gpus[gpu_count].mode = gpus[gpu_count].virtual = 0, gpus[gpu_count].joules = -1, gpu_count++;
    else if (mig_count < MIGS && sscanf(line, "mig %d;%d;%95[^;];%95[^;];%llu;%llu", &migs[mig_count].gpu,
            &migs[mig_count].instance, migs[mig_count].uuid, migs[mig_count].name, &migs[mig_count].total,
            &migs[mig_count].used) == 6)
        mig_count++;
    else if (proc_count < PROCS && sscanf(line, "proc %d %c %u %lld", &procs[proc_count].gpu, &procs[proc_count].sort,
            &procs[proc_count].pid, &procs[proc_count].used) == 4)
        procs[proc_count++].mig = -1;
    else if (proc_count < PROCS && sscanf(line, "migproc %d %u %lld", &procs[proc_count].mig, &procs[proc_count].pid,
            &procs[proc_count].used) == 3)
        procs[proc_count].gpu = -1, procs[proc_count++].sort = 'C';
    else if (name_count < PROCS && sscanf(line, "name %u %95[^\n]", &names[name_count].pid, names[name_count].name) == 2)
        name_count++;
    else if (link_count < PROCS && sscanf(line, "link %d %d", &links[link_count][0], &links[link_count][1]) == 2)
        link_count++;
    else if (fault_count < FAULTS && !strncmp(line, "fail ", 5)) {
        faults[fault_count].gpu = -1;
        if (sscanf(line, "fail %63s %d %d", faults[fault_count].function, &faults[fault_count].code,
                &faults[fault_count].gpu) >= 2)
            fault_count++;
    } else {
        int gpu, number;
        if (sscanf(line, "mode %d %d", &gpu, &number) == 2 && gpu >= 0 && gpu < gpu_count) gpus[gpu].mode = number;
        if (sscanf(line, "virtual %d %d", &gpu, &number) == 2 && gpu >= 0 && gpu < gpu_count) gpus[gpu].virtual = number;
        if (sscanf(line, "joules %d %d", &gpu, &number) == 2 && gpu >= 0 && gpu < gpu_count) gpus[gpu].joules = number;
        if (sscanf(line, "migmode %d", &gpu) == 1 && gpu >= 0 && gpu < gpu_count) gpus[gpu].mig = 1;
        sscanf(line, "driver %63s", driver);
        sscanf(line, "cuda %d", &cuda);
    }
}

static void read_file(void) {
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[512];
    gpu_count = mig_count = proc_count = name_count = fault_count = link_count = 0;
    if (!file) return;
    while (fgets(line, sizeof line, file)) line_of_file(line);
    fclose(file);
}

static int gpu_of(Device device) {
    int at = (int)(size_t)device - 1;
    return at >= MIG_HANDLE ? migs[at - MIG_HANDLE].gpu : at;
}

static int mig_of(Device device) {
    int at = (int)(size_t)device - 1;
    return at >= MIG_HANDLE ? at - MIG_HANDLE : -1;
}

static int refusal(const char *function, int gpu) {
    read_file();
    for (int i = 0; i < fault_count; i++) {
        size_t length = strlen(faults[i].function);
        int same = !strncmp(faults[i].function, function, length) && (!function[length] || function[length] == '_');
        if (same && (faults[i].gpu < 0 || faults[i].gpu == gpu)) return faults[i].code;
    }
    if (!open_count && strcmp(function, "nvmlInitWithFlags")) return UNINITIALIZED;
    return gpu >= gpu_count ? INVALID_ARGUMENT : SUCCESS;
}

#define CHECK(gpu) do { int code = refusal(__func__, gpu); if (code) return code; } while (0)

static int copied(char *to, unsigned size, const char *from) {
    if (strlen(from) + 1 > size) return INSUFFICIENT_SIZE;
    strcpy(to, from);
    return SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; CHECK(-1); open_count++; return SUCCESS; }
int nvmlShutdown(void) { CHECK(-1); open_count--; return SUCCESS; }
const char *nvmlErrorString(int code) {
    static char text[32];
    snprintf(text, sizeof text, "fault %d", code);
    return text;
}
int nvmlSystemGetDriverVersion(char *to, unsigned size) { CHECK(-1); return copied(to, size, driver); }
int nvmlSystemGetCudaDriverVersion(int *to) { CHECK(-1); *to = cuda; return SUCCESS; }
int nvmlSystemGetProcessName(unsigned pid, char *to, unsigned size) {
    CHECK(-1);
    for (int i = 0; i < name_count; i++) if (names[i].pid == pid) return copied(to, size, names[i].name);
    return NOT_FOUND;
}
int nvmlDeviceGetCount_v2(unsigned *to) { CHECK(-1); *to = (unsigned)gpu_count; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *to) {
    CHECK((int)index);
    *to = (Device)(size_t)(index + 1);
    return SUCCESS;
}
int nvmlDeviceGetName(Device device, char *to, unsigned size) {
    CHECK(gpu_of(device));
    return copied(to, size, mig_of(device) < 0 ? gpus[gpu_of(device)].name : migs[mig_of(device)].name);
}
int nvmlDeviceGetUUID(Device device, char *to, unsigned size) {
    CHECK(gpu_of(device));
    return copied(to, size, mig_of(device) < 0 ? gpus[gpu_of(device)].uuid : migs[mig_of(device)].uuid);
}
int nvmlDeviceGetPciInfo_v3(Device device, Pci *to) {
    CHECK(gpu_of(device));
    memset(to, 0, sizeof *to);
    return copied(to->bus_id, sizeof to->bus_id, gpus[gpu_of(device)].bus);
}
int nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor) {
    CHECK(gpu_of(device));
    return sscanf(gpus[gpu_of(device)].capability, "%d.%d", major, minor) == 2 ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetMemoryInfo(Device device, Memory *to) {
    CHECK(gpu_of(device));
    int gpu = gpu_of(device), mig = mig_of(device);
    to->total = (mig < 0 ? gpus[gpu].total : migs[mig].total) << 20;
    to->used = (mig < 0 ? gpus[gpu].used + gpus[gpu].reserved : migs[mig].used) << 20;
    to->free = to->total - to->used;
    return SUCCESS;
}

int nvmlDeviceGetComputeMode(Device device, int *to) { CHECK(gpu_of(device)); *to = gpus[gpu_of(device)].mode; return SUCCESS; }
int nvmlDeviceGetTotalEnergyConsumption(Device device, Bytes *to) {
    CHECK(gpu_of(device));
    if (gpus[gpu_of(device)].joules < 0) return NOT_SUPPORTED;
    *to = (Bytes)gpus[gpu_of(device)].joules * 1000;
    return SUCCESS;
}
int nvmlDeviceGetVirtualizationMode(Device device, int *to) {
    CHECK(gpu_of(device));
    *to = gpus[gpu_of(device)].virtual;
    return SUCCESS;
}

static int processes(Device device, char sort, unsigned *count, Process *to) {
    unsigned found = 0, room = *count;
    for (int i = 0; i < proc_count; i++) {
        if (procs[i].sort != sort || (mig_of(device) < 0 ? procs[i].gpu != gpu_of(device) : procs[i].mig != mig_of(device)))
            continue;
        if (to && found < room) {
            memset(&to[found], 0, sizeof *to);
            to[found].pid = procs[i].pid;
            to[found].used = procs[i].used < 0 ? ~0ULL : (Bytes)procs[i].used << 20;
            to[found].instance = to[found].compute = 0xFFFFFFFF;
        }
        found++;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(function, sort) \
    int function(Device device, unsigned *count, Process *to) { CHECK(gpu_of(device)); return processes(device, sort, count, to); }

#ifdef OLD_DRIVER
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, 'C')
#else
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, 'C')
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, 'G')
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'M')

int nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2 *to) {
    Memory old;
    CHECK(gpu_of(device));
    if (mig_of(device) >= 0) return NOT_SUPPORTED;
    nvmlDeviceGetMemoryInfo(device, &old);
    to->total = old.total;
    to->free = old.free;
    to->reserved = gpus[gpu_of(device)].reserved << 20;
    to->used = old.used - to->reserved;
    return SUCCESS;
}
int nvmlDeviceGetP2PStatus(Device one, Device other, int what, int *status) {
    CHECK(gpu_of(one));
    *status = 1;
    for (int i = 0; i < link_count; i++) {
        int a = gpu_of(one), b = gpu_of(other), joins = (links[i][0] == a && links[i][1] == b) || (links[i][0] == b && links[i][1] == a);
        if (what == 2 && joins) *status = 0;
    }
    return SUCCESS;
}
int nvmlDeviceGetMigMode(Device device, unsigned *now, unsigned *next) {
    CHECK(gpu_of(device));
    *now = *next = (unsigned)gpus[gpu_of(device)].mig;
    return SUCCESS;
}
int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *to) { CHECK(gpu_of(device)); *to = 7; return SUCCESS; }
int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *to) {
    CHECK(gpu_of(device));
    unsigned at = 0;
    for (int i = 0; i < mig_count; i++)
        if (migs[i].gpu == gpu_of(device) && at++ == index) {
            *to = (Device)(size_t)(MIG_HANDLE + i + 1);
            return SUCCESS;
        }
    return NOT_FOUND;
}
int nvmlDeviceGetGpuInstanceId(Device device, unsigned *to) {
    CHECK(gpu_of(device));
    if (mig_of(device) < 0) return INVALID_ARGUMENT;
    *to = (unsigned)migs[mig_of(device)].instance;
    return SUCCESS;
}
#endif
