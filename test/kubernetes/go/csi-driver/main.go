// Command csi-driver serves volumes of this machine to one kubelet, by the Container Storage Interface: each is an
// XFS file system in a sparse file, mounted over a loop device, and grows while it is mounted. It registers itself
// with the kubelet. Needs root, mount and losetup, and mkfs.xfs and xfs_growfs (Debian: xfsprogs).
//
//	csi-driver NODE SOCKET REGISTRATION-SOCKET FOLDER-OF-VOLUMES
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const (
	driverName = "loop.e2e.etcd-ts.dev"
	// The smallest that mkfs.xfs makes.
	leastBytes = 300 << 20
	mostBytes  = 1 << 40
)

var idPattern = regexp.MustCompile(`^[a-z0-9][-a-z0-9]{0,120}$`)

type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	node, socket, folder string
}

// file is where a volume is; its name must be one that CreateVolume can have given.
func (d *driver) file(id string) (string, error) {
	if !idPattern.MatchString(id) {
		return "", status.Errorf(codes.InvalidArgument, "%q is no volume of this driver", id)
	}
	return filepath.Join(d.folder, id), nil
}

func run(name string, args ...string) error {
	said, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return status.Errorf(codes.Internal, "%s %s: %v: %s", name, strings.Join(args, " "), err, said)
	}
	return nil
}

// sizeOf is how large a volume is asked for.
func sizeOf(wanted *csi.CapacityRange) (int64, error) {
	bytes := max(wanted.GetRequiredBytes(), leastBytes)
	if limit := wanted.GetLimitBytes(); bytes > mostBytes || (limit > 0 && bytes > limit) {
		return 0, status.Errorf(codes.OutOfRange, "a volume has %d to %d bytes", leastBytes, int64(mostBytes))
	}
	return bytes, nil
}

// sourceOf is the device that is mounted at a path; empty if none is.
func sourceOf(path string) (string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	source := ""
	for line := range strings.SplitSeq(string(table), "\n") {
		before, after, found := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		// The last one is the one that is seen.
		if found && len(fields) > 4 && len(rest) > 1 && fields[4] == path {
			source = rest[1]
		}
	}
	return source, nil
}

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: "1"}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	service := &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	online := &csi.PluginCapability_VolumeExpansion{Type: csi.PluginCapability_VolumeExpansion_ONLINE}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{
		{Type: &csi.PluginCapability_Service_{Service: service}},
		{Type: &csi.PluginCapability_VolumeExpansion_{VolumeExpansion: online}},
	}}, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	var all []*csi.ControllerServiceCapability
	for _, one := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: one}
		all = append(all, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}})
	}
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: all}, nil
}

func (d *driver) CreateVolume(_ context.Context, r *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	for _, one := range r.GetVolumeCapabilities() {
		if one.GetBlock() != nil {
			return nil, status.Error(codes.InvalidArgument, "volumes are file systems here, no block devices")
		}
	}
	file, err := d.file(r.GetName())
	if err != nil {
		return nil, err
	}
	bytes, err := sizeOf(r.GetCapacityRange())
	if err != nil {
		return nil, err
	}
	// Asked again, it is the one that is there.
	if is, err := os.Stat(file); err == nil {
		if is.Size() != bytes {
			return nil, status.Errorf(codes.AlreadyExists, "%s has %d bytes", r.GetName(), is.Size())
		}
	} else {
		part := file + ".part"
		if err := os.WriteFile(part, nil, 0o600); err != nil {
			return nil, err
		}
		if err := os.Truncate(part, bytes); err != nil {
			return nil, err
		}
		if err := run("mkfs.xfs", "-q", "-f", part); err != nil {
			return nil, err
		}
		if err := os.Rename(part, file); err != nil {
			return nil, err
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{VolumeId: r.GetName(), CapacityBytes: bytes}}, nil
}

func (d *driver) DeleteVolume(_ context.Context, r *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	file, err := d.file(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &csi.DeleteVolumeResponse{}, nil
}

// ControllerExpandVolume makes the file larger; the file system in it is made larger where it is mounted.
func (d *driver) ControllerExpandVolume(_ context.Context, r *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	file, err := d.file(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	bytes, err := sizeOf(r.GetCapacityRange())
	if err != nil {
		return nil, err
	}
	is, err := os.Stat(file)
	if err != nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", r.GetVolumeId())
	}
	if is.Size() < bytes {
		if err := os.Truncate(file, bytes); err != nil {
			return nil, err
		}
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: bytes, NodeExpansionRequired: true}, nil
}

func (d *driver) ValidateVolumeCapabilities(_ context.Context, r *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: r.GetVolumeCapabilities(),
	}}, nil
}

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	var all []*csi.NodeServiceCapability
	for _, one := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
	} {
		rpc := &csi.NodeServiceCapability_RPC{Type: one}
		all = append(all, &csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{Rpc: rpc}})
	}
	return &csi.NodeGetCapabilitiesResponse{Capabilities: all}, nil
}

// mount does nothing if there is a file system at the path.
func mount(path string, args ...string) error {
	if source, err := sourceOf(path); err != nil || source != "" {
		return err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return run("mount", append(args, path)...)
}

// unmount takes all that is mounted at a path away, and the folder.
func unmount(path string) error {
	for {
		source, err := sourceOf(path)
		if err != nil {
			return err
		}
		if source == "" {
			break
		}
		if err := run("umount", path); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// NodeStageVolume mounts the file system once for all pods; the loop device goes with the mount.
func (d *driver) NodeStageVolume(_ context.Context, r *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	file, err := d.file(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	return &csi.NodeStageVolumeResponse{}, mount(r.GetStagingTargetPath(), "-t", "xfs", "-o", "loop", file)
}

func (d *driver) NodeUnstageVolume(_ context.Context, r *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	return &csi.NodeUnstageVolumeResponse{}, unmount(r.GetStagingTargetPath())
}

func (d *driver) NodePublishVolume(_ context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	how := "bind"
	if r.GetReadonly() {
		how = "bind,ro"
	}
	return &csi.NodePublishVolumeResponse{}, mount(r.GetTargetPath(), "-o", how, r.GetStagingTargetPath())
}

func (d *driver) NodeUnpublishVolume(_ context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	return &csi.NodeUnpublishVolumeResponse{}, unmount(r.GetTargetPath())
}

// NodeExpandVolume makes the mounted file system as large as its file.
func (d *driver) NodeExpandVolume(_ context.Context, r *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	device, err := sourceOf(r.GetVolumePath())
	if err != nil {
		return nil, err
	}
	if device == "" {
		return nil, status.Errorf(codes.NotFound, "nothing is mounted at %s", r.GetVolumePath())
	}
	if err := run("losetup", "-c", device); err != nil {
		return nil, err
	}
	return &csi.NodeExpandVolumeResponse{}, run("xfs_growfs", r.GetVolumePath())
}

// registrar is what the kubelet asks through the socket in its folder of registrations.
type registrar struct {
	registration.UnimplementedRegistrationServer
	socket string
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: driverName, Endpoint: r.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrar) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !s.GetPluginRegistered() {
		log.Fatalf("the kubelet refuses the driver: %s", s.GetError())
	}
	log.Print("the kubelet has registered the driver")
	return &registration.RegistrationStatusResponse{}, nil
}

func told(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	response, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s %v: %v", info.FullMethod, request, err)
	}
	return response, err
}

func listen(socket string) net.Listener {
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "csi-driver NODE SOCKET REGISTRATION-SOCKET FOLDER-OF-VOLUMES")
		os.Exit(2)
	}
	d := &driver{node: os.Args[1], socket: os.Args[2], folder: os.Args[4]}
	for _, name := range []string{"mount", "umount", "losetup", "mkfs.xfs", "xfs_growfs"} {
		if _, err := exec.LookPath(name); err != nil {
			log.Fatalf("%s is needed (Debian: xfsprogs, mount)", name)
		}
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(told))
	csi.RegisterIdentityServer(server, d)
	csi.RegisterControllerServer(server, d)
	csi.RegisterNodeServer(server, d)
	own := listen(d.socket)
	go func() { log.Fatal(server.Serve(own)) }()
	registry := grpc.NewServer(grpc.UnaryInterceptor(told))
	registration.RegisterRegistrationServer(registry, &registrar{socket: d.socket})
	log.Fatal(registry.Serve(listen(os.Args[3])))
}
