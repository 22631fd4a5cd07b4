"""Program that prints the working set that Metal recommends, in bytes.

It runs as a process of its own, because a wrong call through the Objective-C runtime ends the calling process.
Metal has no other interface without a third-party package, and `sysctl` does not know this figure.
"""

import ctypes
import sys

METAL = "/System/Library/Frameworks/Metal.framework/Metal"
GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
OBJECTIVE_C = "/usr/lib/libobjc.A.dylib"


def recommended_working_set() -> int:
    """Return ``recommendedMaxWorkingSetSize`` of the default device, 0 without a device.

    Raises:
        OSError: This machine does not run macOS.
    """
    metal = ctypes.CDLL(METAL)
    ctypes.CDLL(GRAPHICS)  # without it a program outside an app bundle is given no default device
    runtime = ctypes.CDLL(OBJECTIVE_C)
    make_device = metal.MTLCreateSystemDefaultDevice
    make_device.restype, make_device.argtypes = ctypes.c_void_p, []
    device = make_device()
    if not device:
        return 0
    selector = runtime.sel_registerName
    selector.restype, selector.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    send = runtime.objc_msgSend
    send.restype, send.argtypes = ctypes.c_uint64, [ctypes.c_void_p, ctypes.c_void_p]
    return int(send(device, selector(b"recommendedMaxWorkingSetSize")))


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{recommended_working_set()}\n")
    except OSError as error:
        sys.exit(f"Metal cannot be asked here: {error}")
